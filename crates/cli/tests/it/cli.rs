//! The command line: what it prints, how it exits, where its settings come from.

use std::fs;

use serde_json::Value;

use crate::harness::{Ran, Server, run_cli};
use crate::transcript::Transcript;
use crate::world::blog;

/// Notes how a command ended and what it printed.
fn note(transcript: &mut Transcript, arguments: &[&str], ran: &Ran) {
    let mut text = format!("exit status {}", ran.code);
    for (name, content) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        if !content.is_empty() {
            text.push_str(&format!("\n--- {name}\n{}", content.trim_end()));
        }
    }
    transcript.text(&format!("cloche {}", arguments.join(" ")), &text);
}

/// From nothing to a live branch, as the README says it.
#[tokio::test]
async fn init_dev_status_branch() {
    let server = Server::start();
    let mut transcript = Transcript::default();
    let mut run = async |arguments: &[&str]| {
        let ran = server.cli(arguments).await;
        note(&mut transcript, arguments, &ran);
        ran
    };
    assert_eq!(run(&["init", "--template", "blog", "--project", "demo"]).await.code, 0);
    assert_eq!(run(&["status", "--exit-code"]).await.code, 3);
    assert_eq!(run(&["dev", "--once"]).await.code, 0);
    assert_eq!(run(&["status", "--exit-code"]).await.code, 0);
    assert_eq!(run(&["env", "tree"]).await.code, 0);
    // A second init keeps what is there.
    assert_eq!(run(&["init", "--template", "blog", "--project", "demo"]).await.code, 0);
    // A mistake in a file is told with its place, and nothing is done.
    let posts = server.scratch().join("tables/posts.yaml");
    let text = fs::read_to_string(&posts).unwrap();
    fs::write(&posts, text.replace("title: text", "title: tekst")).unwrap();
    assert_eq!(run(&["dev", "--once"]).await.code, 1);
    fs::write(&posts, text.replace("  title: text\n", "  title: text\n  subtitle: { type: text, nullable: true }\n")).unwrap();
    assert_eq!(run(&["status"]).await.code, 0);
    assert_eq!(run(&["dev", "--once"]).await.code, 0);
    fs::remove_file(server.scratch().join("tables/comments.yaml")).unwrap();
    // It names the table.
    fs::remove_file(server.scratch().join("roles/user.yaml")).unwrap();
    assert_eq!(run(&["dev", "--once"]).await.code, 0);
    assert_eq!(run(&["dev", "--once", "--prune", "--yes"]).await.code, 0);
    transcript.check("cli_init_dev_status");

    let branched = server.cli(&["env", "branch", "staging", "--from", "dev", "--mode", "full"]).await;
    assert_eq!(branched.code, 0, "{}", branched.stderr);
    for told in ["Clone the database", "Compare with the source", "small"] {
        assert!(branched.stderr.contains(told), "{told} is not told:\n{}", branched.stderr);
    }
    assert!(branched.stdout.contains("sk_stg_") && branched.stdout.contains("pk_stg_"), "{}", branched.stdout);
}

#[tokio::test]
async fn json_is_stable() {
    let server = Server::start();
    let mut transcript = Transcript::default();
    let mut json = async |arguments: &[&str]| -> Value {
        let ran = server.cli(arguments).await;
        let value = ran.json();
        assert_eq!(ran.stderr, "", "{arguments:?}");
        transcript.json(&format!("cloche {}", arguments.join(" ")), &value);
        value
    };
    let made = json(&["project", "create", "demo", "--root-name", "master", "--json"]).await;
    json(&["project", "list", "--json"]).await;
    json(&["env", "branch", "staging", "--from", "master", "--mode", "full", "--project", "demo", "--json"]).await;
    json(&["env", "list", "--project", "demo", "--json"]).await;
    json(&["env", "show", "staging", "--project", "demo", "--json"]).await;
    json(&["keys", "rotate", "--env", "dev", "--project", "demo", "--yes", "--json"]).await;
    json(&["keys", "list", "--env", "staging", "--project", "demo", "--json"]).await;
    json(&["vars", "set", "A=1", "B=two words", "--env", "staging", "--project", "demo", "--json"]).await;
    json(&["vars", "list", "--reveal", "--env", "staging", "--project", "demo", "--json"]).await;
    json(&["env", "delete", "staging", "--purge", "--yes", "--project", "demo", "--json"]).await;
    json(&["whoami", "--json"]).await;
    transcript.check("cli_json");
    // Its keys were rotated, so those of the creation are dead.
    let key = made["keys"]["secret"].as_str().unwrap();
    assert_eq!(server.api(key).get("/v1/data/posts").await.status, 401);
}

#[tokio::test]
async fn mistakes_have_a_status_and_a_sentence() {
    let server = Server::start();
    blog(&server).await;
    let unknown = cloche_wire::KeyText::generate(cloche_wire::TokenKind::Personal).unwrap();
    let mut transcript = Transcript::default();
    for (code, arguments) in [
        (2, vec!["env", "brunch"]),
        (2, vec!["env", "branch", "x"]),
        (2, vec!["env", "branch", "x", "--from", "dev", "--mode", "half"]),
        (2, vec!["keys", "rotate", "--nonsense", "--json"]),
        (1, vec!["env", "list", "--project", "nothing"]),
        (1, vec!["env", "show", "nothing", "--project", "blog"]),
        (1, vec!["env", "show", "nothing", "--project", "blog", "--json"]),
        (1, vec!["env", "create", "a b", "--project", "blog"]),
        (1, vec!["env", "branch", "dev", "--from", "dev", "--project", "blog"]),
        (1, vec!["env", "delete", "dev", "--yes", "--project", "blog"]),
        (2, vec!["keys", "rotate", "--env", "dev", "--project", "blog"]),
        (2, vec!["status", "--project", "blog"]),
        (1, vec!["env", "list", "--project", "blog", "--url", "http://127.0.0.1:9"]),
        (1, vec!["members", "list", "--org", "nothing"]),
        (1, vec!["members", "remove", "nobody@example.com", "--yes"]),
        (1, vec!["members", "revoke-invitation", "nobody@example.com", "--yes"]),
        (1, vec!["members", "remove", "owner@localhost", "--yes"]),
        (2, vec!["members", "remove", "owner@localhost"]),
        (2, vec!["members", "invite", "ada@example.com", "--role", "viewer"]),
        (1, vec!["members", "invite", "ada"]),
        (2, vec!["env", "list", "--project", "blog", "--token", "pat_wrong"]),
        (1, vec!["env", "list", "--project", "blog", "--token", unknown.reveal()]),
    ] {
        let ran = server.cli(&arguments).await;
        note(&mut transcript, &arguments, &ran);
        assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{arguments:?}\n{}", ran.stderr);
    }
    transcript.check("cli_mistakes");
}

#[tokio::test]
async fn settings_come_from_options_then_variables_then_files() {
    let server = Server::start();
    let root = blog(&server).await;
    let folder = server.scratch();
    let owner = server.owner();
    let run = async |variables: &[(&str, &str)], arguments: &[&str]| run_cli(&folder, variables, arguments).await;
    let url = server.url.as_str();
    let list = ["env", "list", "--json"];
    // Nobody says who is asking.
    let nobody = run(&[("CLOCHE_URL", url), ("CLOCHE_PROJECT", "blog")], &list).await;
    assert!(nobody.code == 1 && nobody.stderr.contains("--token"), "{}", nobody.stderr);
    let variables = [("CLOCHE_URL", url), ("CLOCHE_TOKEN", &owner.token), ("CLOCHE_PROJECT", "blog")];
    assert_eq!(run(&variables, &list).await.json().as_array().map(Vec::len).or(Some(0)), Some(1));
    fs::write(folder.join("cloche.yaml"), format!("project: blog\nserver: {url}\n")).unwrap();
    assert_eq!(run(&[("CLOCHE_TOKEN", &owner.token)], &list).await.code, 0);
    // An option wins.
    let wrong = [("CLOCHE_URL", "http://127.0.0.1:9"), ("CLOCHE_TOKEN", "pat_wrong")];
    let options = ["env", "list", "--url", url, "--token", &owner.token];
    assert_eq!(run(&wrong, &options).await.code, 0);
    // A data command takes its key from CLOCHE_KEY.
    let data = run(
        &[("CLOCHE_URL", url), ("CLOCHE_KEY", &root.publishable)],
        &["data", "get", "posts", "--query", "select=slug&order=slug"],
    )
    .await;
    assert!(data.code == 0 && data.stdout.contains("three"), "{} {}", data.stdout, data.stderr);
}

/// Each verb once, from making to removing: every question the command line asks is one the server understands.
#[tokio::test]
async fn every_verb_works() {
    let server = Server::start();
    let root = blog(&server).await;
    let folder = server.scratch();
    let mut verbs: Vec<Vec<&str>> = vec![
        vec!["project", "show"],
        vec!["project", "list"],
        vec!["env", "show", &root.id],
        vec!["env", "create", "pr-1", "--type", "eval", "--lease", "2h"],
        vec!["env", "rename", "pr-1", "pr-2"],
        vec!["env", "renew", "pr-2", "--lease", "7d"],
        vec!["env", "renew", "pr-2", "--no-expiry"],
        vec!["env", "pause", "pr-2"],
        vec!["env", "resume", "pr-2"],
        vec!["env", "url", "pr-2", "--yes"],
        vec!["env", "url", "pr-2"],
        vec!["env", "url", "pr-2", "--rotate", "--yes"],
        vec!["env", "list"],
        vec!["env", "tree"],
        vec!["env", "branch", "copy", "--from", "dev", "--copy-variables", "--strategy", "snapshot", "--lease", "30m"],
        vec!["env", "delete", "copy", "--yes"],
        vec!["env", "undelete", "copy"],
        vec!["env", "delete", "copy", "--purge", "--yes"],
        vec!["keys", "create", "worker", "--env", "pr-2", "--scope", "data:read", "--expires", "30d"],
        vec!["keys", "list", "--env", "pr-2"],
        vec!["keys", "rotate", "--env", "pr-2", "--overlap", "1h", "--yes"],
        vec!["vars", "set", "A=1", "--env", "pr-2"],
        vec!["vars", "list", "--env", "pr-2"],
        vec!["vars", "unset", "A", "--env", "pr-2"],
        vec!["members", "add", "ada@example.com"],
        vec!["members", "role", "ada@example.com", "developer"],
        vec!["members", "list"],
        vec!["tokens", "create", "ci", "--member", "ada@example.com", "--expires", "7d"],
        vec!["tokens", "list"],
        vec!["members", "org-role", "ada@example.com", "owner"],
        vec!["members", "invite", "bea@example.com", "--role", "viewer"],
        vec!["members", "invite", "bea@example.com", "--org-role", "owner", "--org", "default"],
        vec!["members", "invitations"],
        vec!["members", "revoke-invitation", "bea@example.com", "--yes"],
        vec!["members", "password-link", "ada@example.com"],
        vec!["orgs", "create", "Acme"],
        vec!["orgs", "rename", "Acme", "Acme Labs"],
        vec!["orgs", "list"],
        vec!["project", "create", "second", "--org", "acme labs"],
        vec!["members", "add", "bot@example.com", "--org", "Acme Labs"],
        vec!["members", "list", "--org", "Acme Labs"],
        vec!["members", "transfer", "bot@example.com", "--org", "Acme Labs", "--yes"],
        vec!["audit"],
        vec!["doctor"],
        vec!["whoami"],
        vec!["data", "get", "posts", "--key", &root.secret],
        vec!["data", "insert", "authors", "--body", "{\"handle\": \"zoe\", \"name\": \"Zoe\"}", "--key", &root.secret],
    ];
    fs::write(folder.join("cloche.yaml"), "project: blog\n").unwrap();
    for verb in &mut verbs {
        for json in [false, true] {
            let once = [
                "create",
                "rename",
                "add",
                "delete",
                "undelete",
                "insert",
                "branch",
                "pause",
                "resume",
                "init",
                "revoke-invitation",
                "transfer",
            ];
            if json && verb.iter().any(|word| once.contains(word)) {
                continue;
            }
            let arguments = if json { [verb.as_slice(), &["--json"]].concat() } else { verb.clone() };
            let ran = server.cli(&arguments).await;
            assert_eq!(ran.code, 0, "cloche {}\n{}{}", arguments.join(" "), ran.stdout, ran.stderr);
            if json {
                serde_json::from_str::<Value>(&ran.stdout)
                    .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", ran.stdout));
            }
        }
    }
    let keys = server.cli(&["keys", "list", "--env", "pr-2", "--json"]).await.json();
    let worker = keys.as_array().unwrap().iter().find(|key| key["name"] == "worker").unwrap()["id"].as_str().unwrap().to_owned();
    let tokens = server.cli(&["tokens", "list", "--json"]).await.json();
    let ci = tokens.as_array().unwrap().iter().find(|token| token["name"] == "ci").unwrap()["id"].as_str().unwrap().to_owned();
    for arguments in [
        ["keys", "revoke", &worker, "--yes"],
        ["tokens", "revoke", &ci, "--yes"],
        ["members", "remove", "ada@example.com", "--yes"],
    ] {
        let ran = server.cli(&arguments).await;
        assert_eq!(ran.code, 0, "{arguments:?}\n{}{}", ran.stdout, ran.stderr);
    }
}
