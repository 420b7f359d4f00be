//! What every command says of itself.

use std::path::Path;

use crate::harness::{Ran, run_cli};
use crate::transcript::Transcript;

async fn cloche(arguments: &[&str]) -> Ran {
    run_cli(Path::new("/"), &[], arguments).await
}

/// The names under `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let list = help.split("Commands:\n").nth(1).unwrap_or_default();
    let names = list.lines().take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[tokio::test]
async fn every_command_has_help() {
    let mut transcript = Transcript::default();
    let mut waiting = vec![Vec::new()];
    let mut seen = 0;
    while let Some(command) = waiting.pop() {
        let mut arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = cloche(&arguments).await;
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{arguments:?}");
        transcript.text(&format!("cloche {}", arguments.join(" ")), &help.stdout);
        seen += 1;
        for name in subcommands(&help.stdout).into_iter().rev() {
            waiting.push([command.as_slice(), &[name]].concat());
        }
    }
    assert!(seen > 40, "{seen} commands were found");
    transcript.check("help");
}

#[tokio::test]
async fn completions_are_printed_for_each_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let script = cloche(&["completions", shell]).await;
        assert!(script.code == 0 && script.stdout.contains("cloche"), "{shell}: {}", script.stderr);
    }
}
