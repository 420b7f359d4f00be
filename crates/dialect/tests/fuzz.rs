//! A fuzzer that knows the grammar: it takes texts that are understood, mends and breaks them with pieces of the dialect, and keeps those
//! that are still understood to go on from. Nothing may panic; what is understood must, written down and read again, be the same; what
//! is not must say so in PostgREST's code, shortly, with a hint.
//!
//! `CLOCHE_FUZZ_SECONDS` says for how long (10), `CLOCHE_PROOF_SEED` from which seed. `make proof` runs it for longer and with seeds of
//! its own.

#![allow(unreachable_pub, reason = "the printer is shared with the property tests, as a module of each")]

mod print;

use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use cloche_dialect::parse;
use print::{encode, print};

/// What is fuzzed: how a text becomes a query string, and texts to begin with.
struct Target {
    name: &'static str,
    wrap: fn(&str) -> String,
    seeds: &'static [&'static str],
    pieces: &'static [&'static str],
}

const TARGETS: [Target; 3] = [
    Target {
        name: "filter",
        wrap: |text| match text.split_once('=') {
            Some((key, value)) => format!("select=*,a(*,b(*))&{}={}", encode(key), encode(value)),
            None => format!("select=*,a(*,b(*))&{}", encode(text)),
        },
        seeds: &[
            "age=gte.18",
            "a.b.name=not.like(any).{O*,\"P}\\\"*\"}",
            "name=in.(\"Hebdon,John\",x(y),)",
            "or=(age.lt.18,not.and(age.gte.11,name.not.in.(1,2)),data->x->0->>y.is.null)",
            "a.not.and=(x.adj.\"[18,21)\",y.cs.{1,{2}},z.fts(french).amusant)",
            "my_tsv=phfts(english).The Fat Cats",
            "data->phones->-1->>\"nu.mber\"=isdistinct.x",
            "\"information.cpe\"=is.not_null",
            "limit=10",
        ],
        pieces: &[
            "=",
            "eq.",
            "not.",
            "in.(",
            "is.null",
            "like(any).{",
            "(all)",
            "fts(",
            ")",
            "(",
            "{",
            "}",
            ",",
            ".",
            "\"",
            "\\",
            "->",
            "->>",
            "-1",
            "and(",
            "or(",
            "a.",
            "b.",
            "or=",
            "not.and=",
            "limit",
            "offset=",
            "order",
            "*",
            " ",
            "null",
            "é",
            "\u{200d}",
            "%",
            "x",
        ],
    },
    Target {
        name: "select",
        wrap: |text| format!("select={}", encode(text)),
        seeds: &[
            "*,a,b:c::text",
            "data->phones->0->>number::int,\"x,y\":\"a\"\"",
            "title,d:directors!fk!inner(id,last_name),...specs!left(camera)",
            "roles(character,films(*,actors())),n:count()::int",
            "total:amount::numeric(10,2).sum()::text,amount.avg()",
            "a::timestamp(3) with time zone,b::public.mood[],c::\"My Mood\".max()",
        ],
        pieces: &[
            ",",
            "(",
            ")",
            ":",
            "::",
            "!",
            "!inner",
            "!left",
            "...",
            "*",
            ".sum()",
            "count()",
            ".count()",
            "->",
            "->>",
            "-",
            "0",
            "-1",
            "\"",
            "\\",
            "text",
            "numeric(10,2)",
            "[]",
            "a",
            "b(",
            "alias:",
            ".",
            " ",
            "\t",
            "ü",
            "\u{200d}",
            "'",
            ";",
            "$1",
            "--",
        ],
    },
    Target {
        name: "order",
        wrap: |text| format!("select=*,a(*)&order={0}&a.order={0}", encode(text)),
        seeds: &[
            "age.desc,height.asc",
            "a.nullsfirst,b.desc.nullslast",
            "directors(last_name).desc",
            "data->>age,x(data->0->>y).asc",
        ],
        pieces: &[
            ",",
            ".asc",
            ".desc",
            ".nullsfirst",
            ".nullslast",
            ".",
            "(",
            ")",
            "->",
            "->>",
            "0",
            "-1",
            "\"",
            "\\",
            "a",
            "b(",
            " ",
            "é",
            "desc",
            "x-y",
        ],
    },
];

/// Texts that are kept to go on from.
const MAX_CORPUS: usize = 4_000;
/// A query string is not longer than an HTTP request's line.
const MAX_LENGTH: usize = 2_000;

#[test]
fn no_text_breaks_a_parser() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let time = Duration::from_secs(number("CLOCHE_FUZZ_SECONDS").unwrap_or(10));
    let seed = number("CLOCHE_PROOF_SEED").unwrap_or(1);
    let runs: Vec<(u64, Vec<String>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = TARGETS.iter().map(|target| scope.spawn(move || fuzz(target, Random(seed), time))).collect();
        threads.into_iter().map(|thread| thread.join().expect("the fuzzer itself")).collect()
    });
    for (target, (tries, failures)) in TARGETS.iter().zip(&runs) {
        println!("{}: {tries} executions, {} failures, seed {seed}", target.name, failures.len());
    }
    let tries = runs.iter().map(|(tries, _)| tries).sum();
    let failures: Vec<String> = runs.into_iter().flat_map(|(_, failures)| failures).collect();
    if std::env::var("CLOCHE_PROOF").is_ok_and(|value| value == "full") {
        report(tries, &failures);
    }
    assert!(tries > 0, "nothing was tried");
    assert!(failures.is_empty(), "seed {seed}:\n{}", failures.join("\n"));
}

fn fuzz(target: &Target, mut random: Random, time: Duration) -> (u64, Vec<String>) {
    let mut corpus: Vec<String> = target.seeds.iter().map(ToString::to_string).collect();
    let (mut tries, mut failures) = (0, Vec::new());
    let end = Instant::now() + time;
    while Instant::now() < end && failures.len() < 10 {
        for _ in 0..100 {
            let text = mutated(target, &corpus, &mut random);
            tries += 1;
            match check(&(target.wrap)(&text)) {
                Ok(false) => {}
                Ok(true) if corpus.len() < MAX_CORPUS => corpus.push(text),
                Ok(true) => {
                    // The texts to begin with stay: they hold all of the grammar.
                    let others = (MAX_CORPUS - target.seeds.len()) as u64;
                    let place = target.seeds.len() + random.below(others) as usize;
                    corpus[place] = text;
                }
                Err(failure) => failures.push(format!("{}: {text:?}: {failure}", target.name)),
            }
        }
    }
    (tries, failures)
}

/// Whether it was understood; an error if it was not handled as it should be.
fn check(query_string: &str) -> Result<bool, String> {
    let read = |text: &str| catch_unwind(|| parse(text)).map_err(|_| format!("panics on {text}"));
    match read(query_string)? {
        Ok(query) => {
            let text = print(&query);
            if read(&text)?.as_ref() == Ok(&query) { Ok(true) } else { Err(format!("is {query:?}; {text} is not the same")) }
        }
        Err(error) => {
            let known = ["PGRST100", "PGRST103", "PGRST108"].contains(&error.code);
            let short = error.message.len() < 1_000 && error.details.as_ref().is_none_or(|details| details.len() < 1_000);
            if known && short && error.hint.is_some() { Ok(false) } else { Err(format!("answers {error:?}")) }
        }
    }
}

fn mutated(target: &Target, corpus: &[String], random: &mut Random) -> String {
    let mut text: Vec<char> = random.pick(corpus).chars().collect();
    for _ in 0..=random.below(4) {
        let at = random.below(text.len() as u64 + 1) as usize;
        let length = random.below(8).min((text.len() - at) as u64) as usize;
        let piece: Vec<char> = random.pick(target.pieces).chars().collect();
        match random.below(8) {
            0..=2 => drop(text.splice(at..at, piece)),
            3 => drop(text.splice(at..at + length, piece)),
            4 => drop(text.drain(at..at + length)),
            5 => {
                let copy = text[at..at + length].to_vec();
                text.splice(at..at, copy);
            }
            6 => {
                let other: Vec<char> = random.pick(corpus).chars().collect();
                let from = random.below(other.len() as u64 + 1) as usize;
                text.truncate(at);
                text.extend(&other[from..]);
            }
            _ => {
                let wild = char::from_u32(random.below(0x3000) as u32).unwrap_or('\u{fffd}');
                text.insert(at, wild);
            }
        }
    }
    text.truncate(MAX_LENGTH);
    text.into_iter().collect()
}

/// For the table of `make proof`. By hand: the crate needs no JSON otherwise, and `{:?}` escapes what may stand in these sentences.
fn report(tries: u64, failures: &[String]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target").join("proof");
    std::fs::create_dir_all(&folder).expect("a folder for the report");
    let ascii = |failure: &String| {
        failure.chars().map(|character| if matches!(character, ' '..='~') { character } else { '?' }).collect::<String>()
    };
    let failures: Vec<String> = failures.iter().map(ascii).map(|failure| format!("{failure:?}").replace("\\'", "'")).collect();
    let row = format!(
        "{{ \"proof\": \"parsers\", \"what\": \"parser failures\", \"tries\": {tries}, \"violations\": [{}] }}\n",
        failures.join(", ")
    );
    std::fs::write(folder.join("parsers.json"), row).expect("the report");
}

/// SplitMix64: small, and the same numbers for the same seed everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn pick<'a, S: AsRef<str>>(&mut self, from: &'a [S]) -> &'a str {
        let place = self.below(from.len() as u64) as usize;
        from[place].as_ref()
    }
}
