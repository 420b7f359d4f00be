//! The server itself: starting, stopping, dying, coming back, and what operators look at.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Server, postgres_bin, run_cli, signal, until};
use crate::secrecy::assert_no_secret;
use crate::transcript::Transcript;
use crate::world::{blog, branch, count, project, remains, superuser};

#[tokio::test]
async fn a_first_start_says_what_there_is_and_keeps_its_secrets_private() {
    let server = Server::start_from_nothing();
    let mut transcript = Transcript::default();
    // Its last line.
    server.setup_link().await;
    let banner: Vec<String> =
        server
            .log()
            .lines()
            .skip_while(|line| !line.starts_with("cloche "))
            .take(7)
            .map(|line| {
                if line.contains("copy-on-write") { "  copy-on-write: [of this file system]".to_owned() } else { line.to_owned() }
            })
            .collect();
    transcript.text("the banner", &banner.join("\n"));
    transcript.check("server_banner");
    let data = server.data_dir();
    for private in ["owner-token", "secrets", "postgres", "postgres.json"] {
        let mode = std::fs::metadata(data.join(private)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{private} can be read by others: {mode:o}");
    }
    assert_eq!(server.stranger().get("/healthz").await.text, "ok\n");
    assert_eq!(server.stranger().get("/readyz").await.text, "ready\n");

    let stopped = server.stop();
    assert_eq!(stopped.status.code(), Some(0), "{}", stopped.log);
    assert!(!stopped.postgres_runs(), "PostgreSQL outlives its server");
    // The second start finds everything as it was.
    let server = stopped.start();
    let viewer = server.owner().query("query { viewer { instanceOwner } server { version postgresKind } }", json!({})).await;
    assert_eq!((&viewer["viewer"]["instanceOwner"], &viewer["server"]["postgresKind"]), (&json!(true), &json!("embedded")));
}

/// A client that sends all of a large request before it reads must find the answer, though the server had said no long before.
#[tokio::test]
async fn who_is_refused_while_still_sending_gets_the_answer() {
    const SIZE: usize = 16 << 20;
    let server = Server::start();
    let root = blog(&server).await;
    let owner = server.owner().token;
    for (what, path, credential, status) in [
        ("no such key", "/v1/data/posts", "X-API-Key: sk_none".to_owned(), 401),
        ("too large a record", "/v1/data/posts", format!("X-API-Key: {}", root.secret), 413),
        ("too large a query", "/graphql", format!("Authorization: Bearer {owner}"), 413),
    ] {
        let mut client = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\n{credential}\r\nContent-Type: application/json\r\nContent-Length: {SIZE}\r\n\r\n"
        );
        client.write_all(head.as_bytes()).await.unwrap();
        // Answered from here on: what is sent now meets a server that wants nothing more.
        for _ in 0..SIZE / 65_536 {
            client.write_all(&[b' '; 65_536]).await.unwrap_or_else(|error| panic!("{what}: {error}"));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what}: {answer}");
        assert!(answer.contains("connection: close"), "{what}: {answer}");
    }
    // What has come already ends nothing: two requests, one connection.
    let mut client = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).await.unwrap();
    let request = "POST /v1/data/posts HTTP/1.1\r\nHost: x\r\nX-API-Key: sk_none\r\nContent-Length: 2\r\n\r\n{}";
    let last = request.replace("Host: x", "Host: x\r\nConnection: close");
    client.write_all(format!("{request}{last}").as_bytes()).await.unwrap();
    let mut answers = String::new();
    client.read_to_string(&mut answers).await.unwrap();
    assert_eq!(answers.matches("HTTP/1.1 401 ").count(), 2, "{answers}");
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused() {
    let server = Server::start();
    let data = server.data_dir();
    let bin = postgres_bin();
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap(), "--postgres-bin", bin.to_str().unwrap()];
    let second = run_cli(&server.scratch(), &[], &arguments).await;
    let port = server.url.strip_prefix("http://").unwrap();
    let taken = ["serve", "--listen", port, "--data-dir", "elsewhere", "--postgres-bin", bin.to_str().unwrap()];
    let taken = run_cli(&server.scratch(), &[], &taken).await;
    let mut transcript = Transcript::default();
    transcript.text(&format!("the same folder: {}", second.code), &second.stderr);
    transcript.text(&format!("the same port: {}", taken.code), &taken.stderr);
    transcript.check("server_refusals");
    // The first one did not notice.
    assert_eq!(server.stranger().get("/readyz").await.status, 200);
    project(&server.owner(), "shop").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_keeps_every_acknowledged_write() {
    let mut server = Server::start();
    let root = blog(&server).await;
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    for round in 0..3 {
        let gone = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let (api, acknowledged, gone) = (server.api(&root.secret), Arc::clone(&acknowledged), Arc::clone(&gone));
                tokio::spawn(async move {
                    for number in 0.. {
                        let handle = format!("{round}-{writer}-{number}");
                        let body = json!({ "handle": handle, "name": "Kept" }).to_string();
                        match api.try_send("POST", "/v1/data/authors", Some(body)).await {
                            Ok(answer) if answer.status == 201 => {
                                acknowledged.lock().unwrap().insert(handle);
                            }
                            other => {
                                assert!(gone.load(Ordering::SeqCst), "{other:?}");
                                return;
                            }
                        }
                    }
                })
            })
            .collect();
        let before = acknowledged.lock().unwrap().len();
        until("there are writes", async || (acknowledged.lock().unwrap().len() > before + 100).then_some(())).await;
        gone.store(true, Ordering::SeqCst);
        server = server.kill().start();
        for writer in writers {
            writer.await.unwrap();
        }
        let rows = server.api(&root.secret).rows("/v1/data/authors?name=eq.Kept&select=handle").await;
        let kept: BTreeSet<String> =
            rows.as_array().unwrap().iter().map(|row| row["handle"].as_str().unwrap().to_owned()).collect();
        let acknowledged = acknowledged.lock().unwrap();
        let lost: Vec<_> = acknowledged.difference(&kept).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        // A request without an answer may have been done, or not: four at most in each round.
        assert!(kept.len() <= acknowledged.len() + 4 * (round + 1));
    }
}

#[tokio::test]
async fn a_postgres_that_dies_is_started_again() {
    let server = Server::start();
    let root = blog(&server).await;
    let api = server.api(&root.secret);
    for (name, what) in [("KILL", "killed"), ("INT", "stopped by somebody")] {
        let pid = server.postgres_pid();
        signal(pid, name);
        until("PostgreSQL is another one", async || std::fs::read_link(format!("/proc/{pid}/cwd")).is_err().then_some(())).await;
        // Until it is back, whatever is asked gets a 503 that says when to come again, or waits.
        until("records can be read again", async || {
            let answer = api.get("/v1/data/posts").await;
            assert!(
                answer.status == 200 || (answer.status == 503 && answer.header("retry-after").is_some()),
                "{what}: {answer:?}"
            );
            (answer.status == 200).then_some(())
        })
        .await;
        until("management works again", async || (server.stranger().get("/readyz").await.status == 200).then_some(())).await;
        assert_ne!(server.postgres_pid(), pid);
        assert_eq!((count(&api, "posts").await, count(&api, "comments").await), (3, 2), "{what}");
        branch(&server.owner(), &root.project, "dev", &format!("after-{name}"), json!({})).await;
    }
}

/// PostgreSQL 18 never ends when it is asked to by SIGINT just then.
#[tokio::test]
async fn a_stop_does_not_wait_for_a_postgres_that_recovers() {
    let mut server = Server::start();
    let root = blog(&server).await;
    for _ in 0..2 {
        let (killed, other) = (superuser(&server, "postgres").await, superuser(&server, "postgres").await);
        let pid: i32 = killed.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
        signal(pid.try_into().unwrap(), "KILL");
        until("PostgreSQL has noticed", async || other.is_closed().then_some(())).await;
        let stopped = server.stop();
        assert!(stopped.status.success(), "{}", stopped.log);
        assert!(!stopped.log.contains("PostgreSQL does not end"), "{}", stopped.log);
        server = stopped.start();
        assert_eq!(count(&server.api(&root.secret), "posts").await, 3);
    }
}

#[tokio::test]
async fn operators_can_look() {
    let server = Server::start();
    let root = blog(&server).await;
    branch(&server.owner(), &root.project, "dev", "staging", json!({})).await;
    let metrics = server.stranger().get("/metrics").await;
    assert_eq!((metrics.status, metrics.header("content-type")), (200, Some("text/plain; version=0.0.4")));
    for name in
        ["cloche_environments_open", "cloche_environment_connections", "cloche_operations_total", "cloche_branch_pause_seconds"]
    {
        assert!(metrics.text.contains(name), "{name} is missing:\n{}", metrics.text);
    }
    assert_no_secret("the metrics", &metrics.text);
    for private in ["blog", "staging", "posts"] {
        assert!(!metrics.text.contains(&format!("\"{private}\"")), "a metric names {private}");
    }

    // Every answer has a request id: the caller's own where it can stand in a log.
    let own = server.stranger().header("x-request-id", "my-id_1").get("/v1/data/posts").await;
    assert_eq!((own.header("x-request-id"), &own.json()["request_id"]), (Some("my-id_1"), &json!("my-id_1")));
    let evil = server.stranger().header("x-request-id", "a b;c").get("/v1/data/posts").await;
    assert!(uuid::Uuid::parse_str(evil.header("x-request-id").unwrap()).is_ok());
    until("the log has the request", async || server.log().contains("my-id_1").then_some(())).await;
    assert!(!server.log().contains("a b;c"));
    let log = server.log();
    assert!(!log.contains(" WARN ") && !log.contains(" ERROR "), "a healthy server complains:\n{log}");
}

/// What people do is written down, without what must stay secret.
#[tokio::test]
async fn the_audit_log_tells_who_did_what() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    owner.must("setVariables", json!({ "environmentId": root.id, "variables": [{ "name": "KEY", "value": "hush-hush" }] })).await;
    let keys = owner.must("rotateApiKeys", json!({ "environmentId": root.id })).await;
    let url =
        owner.must("rotateDatabaseCredential", json!({ "environmentId": root.id })).await["url"].as_str().unwrap().to_owned();
    let staging = branch(&owner, &root.project, "dev", "staging", json!({ "copyEnvironmentVariables": true })).await;
    owner.must("deleteEnvironment", json!({ "environmentId": staging["environment"]["id"] })).await;
    let document = "query($p: String!) { auditLog(projectId: $p) { nodes { actor action target detail } } }";
    let log = owner.query(document, json!({ "p": root.project })).await["auditLog"]["nodes"].clone();
    let text = log.to_string();
    assert_no_secret("the audit log", &text);
    let password = url.split(['/', ':', '@']).find(|part| part.len() > 20 && !part.starts_with("ce_")).unwrap();
    for secret in ["hush-hush", keys["keys"]["secret"].as_str().unwrap(), password] {
        assert!(!text.contains(secret) && !server.log().contains(secret), "a secret is told");
    }
    let actions: Vec<&Value> = log.as_array().unwrap().iter().map(|entry| &entry["action"]).collect();
    let mut transcript = Transcript::default();
    transcript.text("newest first", &actions.iter().map(|action| action.as_str().unwrap()).collect::<Vec<_>>().join("\n"));
    transcript.check("audit_log");
}

#[tokio::test]
async fn a_stop_lets_requests_finish() {
    let server = Server::start();
    let root = blog(&server).await;
    let (owner, project) = (server.owner(), root.project.clone());
    let branching =
        tokio::spawn(async move { branch(&owner, &project, "dev", "staging", json!({ "strategy": "SNAPSHOT" })).await });
    until("the branch has begun", async || (remains(&server).await.running == 1).then_some(())).await;
    signal(server.pid(), "TERM");
    let payload = branching.await.unwrap();
    assert_eq!(payload["environment"]["status"], "active");
    let stopped = server.wait_for_death().await;
    assert_eq!(stopped.status.code(), Some(0));
    assert!(!stopped.postgres_runs());
}

/// PostgreSQL that is killed while it makes a database leaves the folder, and never removes it.
#[tokio::test]
async fn a_start_removes_what_postgres_left_of_databases_that_are_not() {
    let server = Server::start();
    let root = blog(&server).await;
    let base = server.data_dir().join("postgres/base");
    let stopped = server.stop();
    let copied = std::process::Command::new("cp").arg("-a").args([base.join("1"), base.join("987654")]).status().unwrap();
    assert!(copied.success());
    let server = stopped.start();
    assert!(!base.join("987654").exists(), "it is still there");
    assert_eq!(count(&server.api(&root.secret), "posts").await, 3);
}
