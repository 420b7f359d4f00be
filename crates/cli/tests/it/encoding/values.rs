//! Values of every type that the server writes as JSON itself: the odd ones of each, and random ones from a seed.

use std::fmt::Write as _;

/// The types, each of which also makes an array.
const TYPES: [&str; 21] = [
    "boolean",
    "smallint",
    "integer",
    "bigint",
    "real",
    "double precision",
    "numeric",
    "text",
    "varchar",
    "char(12)",
    "name",
    "\"char\"",
    "uuid",
    "date",
    "time",
    "timetz",
    "timestamp",
    "timestamptz",
    "bytea",
    "mood",
    "jsonb",
];

/// A table with a column of each type, of an array of it, and of `json`.
pub(crate) fn create_table() -> String {
    let mut sql = "CREATE TYPE mood AS ENUM ('glad', 'so \"so\"', 'tr\u{fc}b');
        CREATE TABLE kinds (id bigint PRIMARY KEY, j json"
        .to_owned();
    for (at, name) in TYPES.iter().enumerate() {
        write!(sql, ", v{at} {name}, a{at} {name}[]").unwrap();
    }
    sql + ")"
}

/// An insert of `count` records from id `first` on.
pub(crate) fn insert(random: &mut Random, first: usize, count: usize) -> String {
    let mut sql = "INSERT INTO kinds VALUES ".to_owned();
    for id in first..first + count {
        let mut values = vec![id.to_string(), literal(&json(random))];
        for at in 0..TYPES.len() {
            let value = if random.below(20) == 0 { "NULL".to_owned() } else { literal(&value_of(random, at)) };
            values.extend([value, literal(&array(random, |random| value_of(random, at)))]);
        }
        write!(sql, "{}({})", if id == first { "" } else { ", " }, values.join(", ")).unwrap();
    }
    sql
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn value_of(random: &mut Random, type_: usize) -> String {
    match TYPES[type_] {
        "boolean" => random.of(&["t", "f"]),
        "smallint" => (random.next() as i16).to_string(),
        "integer" => (random.magnitude() as i32).to_string(),
        "bigint" => random.magnitude().to_string(),
        "real" => real(random),
        "double precision" => double(random),
        "numeric" => numeric(random),
        "char(12)" => text(random).chars().take(12).collect(),
        "name" => text(random).chars().take(12).collect(),
        "\"char\"" => text(random),
        "uuid" => format!("{:016x}{:016x}", random.next(), random.next()),
        "date" => date(random),
        "time" => time(random),
        "timetz" => time(random) + &random.of(&["+00", "-03:30", "+14", "+05:45:15", "-00:00:01"]),
        "timestamp" => moment(random, ""),
        "timestamptz" => {
            let zone = random.of(&["+00", "-03:30", "+14"]);
            moment(random, &zone)
        }
        "bytea" => format!("\\x{:016x}", random.next()),
        "mood" => random.of(&["glad", "so \"so\"", "tr\u{fc}b"]),
        "jsonb" => json(random),
        _ => text(random),
    }
}

fn real(random: &mut Random) -> String {
    match random.below(8) {
        0 => random.of(&[
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "0",
            "1e6",
            "999999",
            "16777217",
            "1e-4",
            "1e-5",
            "3.4028235e38",
            "1e-45",
        ]),
        1 => format!("{:e}", 2_f32.powi(random.below(270) as i32 - 140)),
        2 => (random.next() as i16).to_string(),
        3 => format!("{}", random.below(100_000) as f32 / 100.0),
        _ => Some(f32::from_bits(random.next() as u32))
            .filter(|number| number.is_finite())
            .map_or("1".into(), |number| format!("{number:e}")),
    }
}

fn double(random: &mut Random) -> String {
    match random.below(10) {
        0 => random.of(&[
            "NaN",
            "Infinity",
            "-Infinity",
            "-0",
            "0",
            "1e15",
            "999999999999999",
            "1e23",
            "9007199254740993",
            "1e-4",
            "5e-324",
        ]),
        1 | 2 => format!("{:e}", 2_f64.powi(random.below(2090) as i32 - 1070)),
        3 => (random.next() as i32).to_string(),
        4 => format!("{}", random.below(100_000) as f64 / 100.0),
        // Whole numbers with few digits and many zeros: in the middle between two as often as can be.
        5 => format!("{}e{}", random.below(100_000), random.below(25)),
        _ => Some(f64::from_bits(random.next()))
            .filter(|number| number.is_finite())
            .map_or("1".into(), |number| format!("{number:e}")),
    }
}

fn numeric(random: &mut Random) -> String {
    let sign = random.of(&["", "-"]);
    match random.below(8) {
        0 => random.of(&["NaN", "0", "0.000", "1e200", "1e-200", "10000", "0.0001", "0.00001", "99999999.9999"]),
        1 => format!("{sign}{}e{}", random.below(1_000_000), random.below(60) as i64 - 30),
        2 => format!("{sign}{}.{:0width$}", random.next(), random.below(1000), width = 3 + random.below(20)),
        _ => format!("{sign}{}.{:02}", random.below(1_000_000), random.below(100)),
    }
}

fn text(random: &mut Random) -> String {
    const PARTS: [&str; 14] = [
        "",
        "a",
        "word ",
        "\"",
        "\\",
        "\n",
        "\t\r",
        "\u{1}\u{8}\u{c}\u{1f}",
        "\u{7f}",
        "/",
        "\u{e9}",
        "\u{1f33f}",
        "{,}",
        "'NULL'",
    ];
    let most = if random.below(4) == 0 { 60 } else { 6 };
    (0..random.below(most)).map(|_| PARTS[if random.below(2) == 0 { 2 } else { random.below(PARTS.len()) }]).collect()
}

fn json(random: &mut Random) -> String {
    random.of(&[
        "null",
        "1e3",
        "\"a\\u00e9\\n\"",
        "[]",
        "{}",
        "{ \"a\" : [1, 2.50, {\"b\": null}] ,\n \"c\":\"\" }",
        "[ true,\tfalse ]",
        "-0.10",
    ])
}

fn date(random: &mut Random) -> String {
    match random.below(6) {
        0 => random.of(&[
            "infinity",
            "-infinity",
            "4714-11-24 BC",
            "0001-12-31 BC",
            "0001-01-01",
            "5874897-12-31",
            "2000-02-29",
            "12345-06-07",
        ]),
        1 => day(random, 4700) + " BC",
        _ => day(random, 9999),
    }
}

fn day(random: &mut Random, years: usize) -> String {
    format!("{:04}-{:02}-{:02}", 1 + random.below(years), 1 + random.below(12), 1 + random.below(28))
}

fn time(random: &mut Random) -> String {
    let fraction = random.of(&["", ".5", ".000001", ".123456", ".1200", ".999999"]);
    match random.below(20) {
        0 => "24:00:00".to_owned(),
        _ => format!("{:02}:{:02}:{:02}{fraction}", random.below(24), random.below(60), random.below(60)),
    }
}

fn moment(random: &mut Random, zone: &str) -> String {
    match random.below(8) {
        0 => random.of(&[
            "infinity",
            "-infinity",
            "4714-11-25 00:00:00 BC",
            "294276-12-30 23:59:59.999999",
            "1999-12-31 23:59:59.999999",
        ]),
        1 => day(random, 4700) + " " + &time(random) + zone + " BC",
        _ => day(random, 9999) + " " + &time(random) + zone,
    }
}

/// An array's literal: empty, flat, nested, with another lower bound, with nulls.
fn array(random: &mut Random, element: impl Fn(&mut Random) -> String) -> String {
    let [a, b, c, d, e, f] = std::array::from_fn(|_| match random.below(8) {
        0 => "NULL".to_owned(),
        _ => format!("\"{}\"", element(random).replace('\\', "\\\\").replace('"', "\\\"")),
    });
    match random.below(6) {
        0 => "{}".to_owned(),
        1 => format!("[0:1]={{{a},{b}}}"),
        2 => format!("{{{{{a},{b},{c}}},{{{d},{e},{f}}}}}"),
        3 => format!("{{{{{{{a}}},{{{b}}}}}}}"),
        _ => format!("{{{a},{b},{c}}}"),
    }
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ bits >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn of(&mut self, choices: &[&str]) -> String {
        choices[self.below(choices.len())].to_owned()
    }

    /// A number with as many digits as another.
    fn magnitude(&mut self) -> i64 {
        (self.next() as i64) >> self.below(64)
    }
}
