//! Dates and times, as PostgreSQL writes them in JSON: ISO 8601 where a day is part of it.

/// Days from 0000-03-01, where years of this reckoning begin, to 2000-01-01, where PostgreSQL's do.
const DAYS_TO_2000: i64 = 730_425;
/// Days in 400 years.
const ERA: i64 = 146_097;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

pub(super) fn date(out: &mut Vec<u8>, days: i32) {
    match days {
        i32::MAX => out.extend_from_slice(b"\"infinity\""),
        i32::MIN => out.extend_from_slice(b"\"-infinity\""),
        _ => {
            out.push(b'"');
            let year = day(out, i64::from(days));
            close(out, year);
        }
    }
}

pub(super) fn time(out: &mut Vec<u8>, microseconds: i64) {
    out.push(b'"');
    clock(out, microseconds);
    out.push(b'"');
}

/// The zone is in seconds west of Greenwich.
pub(super) fn time_with_zone(out: &mut Vec<u8>, microseconds: i64, west: i32) {
    out.push(b'"');
    clock(out, microseconds);
    out.push(if west > 0 { b'-' } else { b'+' });
    let east = west.unsigned_abs();
    let (hours, minutes, seconds) = (east / 3600, east / 60 % 60, east % 60);
    two(out, hours);
    if minutes != 0 || seconds != 0 {
        out.push(b':');
        two(out, minutes);
    }
    if seconds != 0 {
        out.push(b':');
        two(out, seconds);
    }
    out.push(b'"');
}

/// Microseconds since 2000-01-01, with `zone` after it.
pub(super) fn timestamp(out: &mut Vec<u8>, microseconds: i64, zone: &str) {
    match microseconds {
        i64::MAX => out.extend_from_slice(b"\"infinity\""),
        i64::MIN => out.extend_from_slice(b"\"-infinity\""),
        _ => {
            out.push(b'"');
            let year = day(out, microseconds.div_euclid(DAY));
            out.push(b'T');
            clock(out, microseconds.rem_euclid(DAY));
            out.extend_from_slice(zone.as_bytes());
            close(out, year);
        }
    }
}

fn close(out: &mut Vec<u8>, year: i64) {
    out.extend_from_slice(if year > 0 { b"\"" } else { b" BC\"" });
}

/// Writes a day by its number from 2000-01-01. Answers its year, where the year before 1 is 0.
fn day(out: &mut Vec<u8>, days: i64) -> i64 {
    let days = days + DAYS_TO_2000;
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Months count from March, so that the odd day is the last.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let shown = if year > 0 { year } else { 1 - year } as u32;
    if shown < 10_000 {
        two(out, shown / 100);
        two(out, shown % 100);
    } else {
        super::number::integer(out, shown);
    }
    out.push(b'-');
    two(out, month as u32);
    out.push(b'-');
    two(out, day as u32);
    year
}

/// A time of day; 24:00:00 is one.
fn clock(out: &mut Vec<u8>, microseconds: i64) {
    let (seconds, fraction) = ((microseconds / SECOND) as u32, (microseconds % SECOND) as u32);
    two(out, seconds / 3600);
    out.push(b':');
    two(out, seconds / 60 % 60);
    out.push(b':');
    two(out, seconds % 60);
    if fraction != 0 {
        out.push(b'.');
        two(out, fraction / 10_000);
        two(out, fraction / 100 % 100);
        two(out, fraction % 100);
        while out.last() == Some(&b'0') {
            out.pop();
        }
    }
}

fn two(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&[b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]);
}
