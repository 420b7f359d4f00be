//! Proofs: what the foundation promises, attacked. Each one counts its tries and reports; `scripts/proof` prints the table.
//!
//! `make test` runs all of them with few tries, `make proof` (`CLOCHE_PROOF=full`) with all.

mod chaos;
mod fields;
mod planted;
mod poison;
mod probes;
mod routes;
mod secrets;
mod sql;
mod steps;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::time::SystemTime;

use serde_json::json;

/// What a proof's tries are counted under: the promise that a violation breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// Somebody reached, or learnt, what belongs to somebody else.
    Crossings,
    /// Something was left over that belongs to nobody.
    Orphans,
    /// Something was acknowledged and is not there afterwards.
    LostWrites,
    /// A request was accepted that began after the call returned which forbids it.
    AcceptedAfterRevoke,
}

impl What {
    fn as_str(self) -> &'static str {
        match self {
            Self::Crossings => "crossings",
            Self::Orphans => "orphans",
            Self::LostWrites => "lost writes",
            Self::AcceptedAfterRevoke => "accepted after revoke",
        }
    }
}

/// Writes down what a proof has counted, in `target/proof/NAME.json`, and fails if anything was violated. `name` has a row in
/// `scripts/proof`; each violation is a sentence.
pub(crate) fn report(name: &str, what: What, tries: usize, violations: &[String]) {
    record(name, what, tries, violations);
    check(name, tries, violations);
}

/// The first half of [`report`], for a test that has several proofs to write down before one of them fails.
fn record(name: &str, what: What, tries: usize, violations: &[String]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("proof");
    fs::create_dir_all(&folder).unwrap();
    let row = json!({ "proof": name, "what": what.as_str(), "tries": tries, "violations": violations });
    fs::write(folder.join(format!("{name}.json")), format!("{row:#}\n")).unwrap();
    println!("{name}: {tries} tries, {} violations ({})", violations.len(), what.as_str());
}

/// The second half.
fn check(name: &str, tries: usize, violations: &[String]) {
    assert!(tries > 0, "{name} has tried nothing");
    assert!(violations.is_empty(), "{name}: {} violations of {tries} tries:\n{}", violations.len(), violations.join("\n"));
}

/// Whether everything is to be tried, rather than the quick part that `make test` has time for.
pub(crate) fn full() -> bool {
    std::env::var("CLOCHE_PROOF").is_ok_and(|value| value == "full")
}

/// What all randomness of the proofs comes from; printed, and given again by `CLOCHE_PROOF_SEED`.
pub(crate) fn random() -> Random {
    static SEED: LazyLock<u64> = LazyLock::new(|| match std::env::var("CLOCHE_PROOF_SEED") {
        Ok(text) => text.parse().expect("CLOCHE_PROOF_SEED is not a number"),
        Err(_) => SystemTime::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().into(),
    });
    println!("CLOCHE_PROOF_SEED={}", *SEED);
    Random(*SEED)
}

/// SplitMix64: small, and the same numbers for the same seed everywhere.
pub(crate) struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
