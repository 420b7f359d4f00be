//! Base62 in ASCII order: digits, upper case, lower case.

pub(crate) const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `length` characters drawn evenly from the alphabet; bytes that would favour its first letters are thrown away.
pub(crate) fn random(length: usize) -> Result<String, getrandom::Error> {
    let mut text = String::with_capacity(length);
    let mut bytes = [0u8; 64];
    while text.len() < length {
        getrandom::fill(&mut bytes)?;
        for byte in bytes {
            // 248 is the largest multiple of 62 in a byte.
            if byte < 248 && text.len() < length {
                text.push(ALPHABET[usize::from(byte % 62)] as char);
            }
        }
    }
    Ok(text)
}

/// The number in base62, most significant first, padded with zeros to `length`.
pub(crate) fn number(mut value: u32, length: usize) -> String {
    let mut digits = vec![b'0'; length];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(value % 62) as usize];
        value /= 62;
    }
    digits.iter().map(|&digit| digit as char).collect()
}
