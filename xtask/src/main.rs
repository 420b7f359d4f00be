//! The repository's own commands: `cargo xtask tidy` checks the house rules. A test runs them too.

mod source;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

fn main() -> Result<ExitCode> {
    let command = std::env::args().nth(1);
    match command.as_deref() {
        Some("tidy") => check_the_house(),
        _ => {
            eprintln!("Usage: cargo xtask tidy\n\n  tidy   check the house rules: lengths, layers, dead files, stale documents");
            Ok(ExitCode::from(2))
        }
    }
}

fn check_the_house() -> Result<ExitCode> {
    let tree = tidy::Tree::read(&repository()?)?;
    let violations = tidy::check(&tree);
    for violation in &violations {
        eprintln!("{violation}");
    }
    if violations.is_empty() {
        println!("tidy: {} files, nothing to complain about", tree.files.len());
        Ok(ExitCode::SUCCESS)
    } else {
        eprintln!("\ntidy: {} found; STYLE.md explains the rules", violations.len());
        Ok(ExitCode::FAILURE)
    }
}

/// The checkout this program was built from.
fn repository() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    folder.parent().map(Path::to_path_buf).with_context(|| format!("{} has no parent folder", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_house_is_tidy() {
        let tree = tidy::Tree::read(&repository().unwrap()).unwrap();
        let complaints: Vec<String> = tidy::check(&tree).iter().map(ToString::to_string).collect();
        assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
    }
}
