//! Strings, and what PostgreSQL writes as one.

/// Bytes looked at together: the compiler makes a few instructions of it.
const BLOCK: usize = 32;

/// A JSON string with PostgreSQL's own choice of escapes.
pub(super) fn quoted(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = text;
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        if block.iter().fold(false, |found, byte| found | wants_escape(*byte)) {
            escaped(out, block);
        } else {
            out.extend_from_slice(block);
        }
        rest = after;
    }
    escaped(out, rest);
    out.push(b'"');
}

fn wants_escape(byte: u8) -> bool {
    byte < b' ' || byte == b'"' || byte == b'\\'
}

fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| wants_escape(*byte)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\t' => out.extend_from_slice(b"\\t"),
            b'\r' => out.extend_from_slice(b"\\r"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            control => {
                out.extend_from_slice(b"\\u00");
                out.extend_from_slice(&hex_digits(control));
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// A `"char"`: beyond ASCII it is shown in octal, and nothing stands for zero.
pub(super) fn byte(out: &mut Vec<u8>, byte: u8) {
    match byte {
        0 => out.extend_from_slice(b"\"\""),
        0x80.. => {
            let digit = |shift: u8| b'0' + (byte >> shift & 7);
            out.extend_from_slice(&[b'"', b'\\', b'\\', digit(6), digit(3), digit(0), b'"']);
        }
        _ => quoted(out, &[byte]),
    }
}

/// A `bytea` as `"\\x…"`.
pub(super) fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    out.reserve(bytes.len() * 2 + 5);
    out.extend_from_slice(b"\"\\\\x");
    out.extend(bytes.iter().flat_map(|byte| hex_digits(*byte)));
    out.push(b'"');
}

pub(super) fn uuid(out: &mut Vec<u8>, bytes: &[u8; 16]) {
    let mut text = *b"\"00000000-0000-0000-0000-000000000000\"";
    let mut at = 1;
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at..at + 2].copy_from_slice(&hex_digits(*byte));
        at += 2;
    }
    out.extend_from_slice(&text);
}

fn hex_digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}
