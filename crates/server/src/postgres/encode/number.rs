//! Numbers. What JSON has no number for, such as NaN, is a string.

/// Digits in a group of a `numeric`, whose base is ten thousand.
const GROUP: usize = 4;

pub(super) fn integer(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

pub(super) fn float8(out: &mut Vec<u8>, number: f64) {
    // Most are small and whole: these need no search for the shortest digits.
    if number.abs() < 1e15 && number.trunc() == number && (number != 0.0 || number.is_sign_positive()) {
        return integer(out, number as i64);
    }
    if !number.is_finite() {
        return special(out, number.is_nan(), number.is_sign_negative());
    }
    let mut buffer = zmij::Buffer::new();
    let mut decimal = Decimal::read(buffer.format_finite(number));
    if decimal.is_between_neighbours(f64::MANTISSA_DIGITS) {
        decimal = decimal.avoiding_the_middle(f64::MANTISSA_DIGITS, |digits| {
            let text = format!("{:.*e}", digits - 1, number.abs());
            (text.parse() == Ok(number.abs())).then_some(text)
        });
    }
    decimal.write(out, number.is_sign_negative(), 15);
}

pub(super) fn float4(out: &mut Vec<u8>, number: f32) {
    if number.abs() < 1e6 && number.trunc() == number && (number != 0.0 || number.is_sign_positive()) {
        return integer(out, number as i32);
    }
    if !number.is_finite() {
        return special(out, number.is_nan(), number.is_sign_negative());
    }
    let mut buffer = zmij::Buffer::new();
    let mut decimal = Decimal::read(buffer.format_finite(number));
    if decimal.is_between_neighbours(f32::MANTISSA_DIGITS) {
        decimal = decimal.avoiding_the_middle(f32::MANTISSA_DIGITS, |digits| {
            let text = format!("{:.*e}", digits - 1, number.abs());
            (text.parse() == Ok(number.abs())).then_some(text)
        });
    }
    decimal.write(out, number.is_sign_negative(), 6);
}

fn special(out: &mut Vec<u8>, nan: bool, negative: bool) {
    let text: &[u8] = match (nan, negative) {
        (true, _) => b"\"NaN\"",
        (false, false) => b"\"Infinity\"",
        (false, true) => b"\"-Infinity\"",
    };
    out.extend_from_slice(text);
}

/// The shortest digits of a floating-point number: `digits` × 10^`exponent`, without zeros at the end.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: u64,
    exponent: i32,
}

impl Decimal {
    /// From a number in any usual form; its sign is left out.
    fn read(text: &str) -> Self {
        let (mut digits, mut exponent, mut fraction) = (0_u64, 0_i32, false);
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            match byte {
                b'0'..=b'9' => {
                    digits = digits * 10 + u64::from(byte - b'0');
                    exponent -= i32::from(fraction);
                }
                b'.' => fraction = true,
                b'e' => {
                    let rest = &text[text.len() - bytes.len()..];
                    exponent += rest.trim_start_matches('+').parse::<i32>().unwrap_or(0);
                    break;
                }
                _ => {}
            }
        }
        while digits != 0 && digits.is_multiple_of(10) {
            digits /= 10;
            exponent += 1;
        }
        Self { digits, exponent }
    }

    /// Whether this is exactly in the middle between two numbers of that many binary digits. Reading it gives the right one only by
    /// rounding to even, so PostgreSQL does not write it.
    fn is_between_neighbours(self, binary_digits: u32) -> bool {
        // A middle is a whole number here: a fraction would have more digits than the number itself. Beyond 5^23 there are too many.
        if !(0..=23).contains(&self.exponent) {
            return false;
        }
        let odd = u128::from(self.digits) * 5_u128.pow(self.exponent.unsigned_abs());
        let odd = odd >> odd.trailing_zeros();
        u128::BITS - odd.leading_zeros() == binary_digits + 1
    }

    /// The shortest digits that are not in the middle, given what rounds to that many digits and still reads as the number.
    fn avoiding_the_middle(self, binary_digits: u32, rounded: impl Fn(usize) -> Option<String>) -> Self {
        let digits = self.digits.ilog10() as usize + 1;
        let candidates = (digits..=17).filter_map(|digits| rounded(digits).map(|text| Self::read(&text)));
        candidates.into_iter().find(|decimal| !decimal.is_between_neighbours(binary_digits)).unwrap_or(self)
    }

    /// In full when the first digit is not below 10^-4 and below 10^`limit`, with an exponent otherwise.
    fn write(self, out: &mut Vec<u8>, negative: bool, limit: i32) {
        if negative {
            out.push(b'-');
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(self.digits).as_bytes();
        let first = self.exponent + digits.len() as i32 - 1;
        if self.digits == 0 {
            out.push(b'0');
        } else if !(-4..limit).contains(&first) {
            out.push(digits[0]);
            if digits.len() > 1 {
                out.push(b'.');
                out.extend_from_slice(&digits[1..]);
            }
            out.extend_from_slice(if first < 0 { b"e-" } else { b"e+" });
            if first.abs() < 10 {
                out.push(b'0');
            }
            integer(out, first.abs());
        } else if first < 0 {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + (-first - 1) as usize, b'0');
            out.extend_from_slice(digits);
        } else if self.exponent >= 0 {
            out.extend_from_slice(digits);
            out.resize(out.len() + self.exponent as usize, b'0');
        } else {
            let (whole, fraction) = digits.split_at(first as usize + 1);
            out.extend_from_slice(whole);
            out.push(b'.');
            out.extend_from_slice(fraction);
        }
    }
}

/// A `numeric`: how many groups there are, the weight of the first as a power of the base, sign, digits after the point, the groups.
pub(super) fn numeric(out: &mut Vec<u8>, raw: &[u8]) -> Option<()> {
    let (header, groups) = raw.split_first_chunk::<8>()?;
    let field = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (count, weight, sign, scale) =
        (usize::from(field(0)), i32::from(field(2).cast_signed()), field(4), usize::from(field(6)));
    match sign {
        0x0000 => {}
        0x4000 => out.push(b'-'),
        0xC000 | 0xD000 | 0xF000 => {
            special(out, sign == 0xC000, sign == 0xF000);
            return Some(());
        }
        _ => return None,
    }
    if groups.len() != count * 2 {
        return None;
    }
    let group = |power: i32| {
        let at = usize::try_from(weight - power).ok().filter(|at| *at < count);
        at.map_or(0, |at| u16::from_be_bytes([groups[at * 2], groups[at * 2 + 1]]))
    };
    if weight < 0 {
        out.push(b'0');
    } else {
        integer(out, group(weight));
        (0..weight).rev().for_each(|power| out.extend_from_slice(&four(group(power))));
    }
    if scale > 0 {
        out.push(b'.');
        let end = out.len() + scale;
        let mut power = -1;
        while out.len() < end {
            out.extend_from_slice(&four(group(power)));
            power -= 1;
        }
        out.truncate(end);
    }
    Some(())
}

fn four(number: u16) -> [u8; GROUP] {
    [1000, 100, 10, 1].map(|place| b'0' + (number / place % 10) as u8)
}
