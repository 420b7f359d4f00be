//! Everything a server leaves behind or shows while it works, searched for every secret that was given out meanwhile: logs, files,
//! dumps of its databases, what PostgreSQL shows of sessions, and the processes it runs.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{What, report};
use crate::harness::{SETUP_LINK, Server, postgres_bin};
use crate::secrecy::secret_in;
use crate::world::{Environment, blog, branch, connect_url, database_of, superuser};

const VALUE: &str = "hush-hush-value-of-a-variable";

/// Secrets that were given out, to be found nowhere.
#[derive(Default)]
struct Given(BTreeSet<String>);

impl Given {
    fn take(&mut self, payload: &Value) {
        match payload {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value.as_str() {
                        Some(text) if matches!(name.as_str(), "secret" | "token") => _ = self.0.insert(text.to_owned()),
                        Some(url) if name == "url" => {
                            let password = url.rsplit_once('@').and_then(|(login, _)| login.rsplit_once(':'));
                            self.0.extend(password.map(|(_, password)| password.to_owned()));
                        }
                        _ => self.take(value),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| self.take(value)),
            _ => {}
        }
    }

    /// What of them, or of their form, is in a text.
    fn found(&self, text: &str) -> Option<String> {
        let known = self.0.iter().find(|secret| text.contains(secret.as_str())).map(|secret| secret.chars().take(12).collect());
        known.or_else(|| secret_in(text))
    }

    /// The files below a folder that hold one of them, or a text of the form of a key; and how many were searched.
    fn in_files(&self, folder: &Path, but: &[&str]) -> (usize, Vec<String>) {
        let patterns: Vec<_> = self.0.iter().map(String::as_str).chain([r"\(sk_[a-z]*_\|pat_\)[0-9A-Za-z]\{61\}"]).collect();
        let excluded = but.iter().flat_map(|name| [format!("--exclude={name}"), format!("--exclude-dir={name}")]);
        let mut grep = Command::new("grep");
        grep.args(["-rla", "-f", "-"]).args(excluded.clone()).arg(folder).env("LC_ALL", "C");
        let mut child = grep.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(patterns.join("\n").as_bytes()).unwrap();
        let hits = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
        let all = Command::new("grep").args(["-rlac", ""]).args(excluded).arg(folder).output().unwrap();
        (String::from_utf8_lossy(&all.stdout).lines().count(), hits.lines().map(str::to_owned).collect())
    }
}

/// Looks at the server's processes and sessions until told to stop.
struct Watch {
    stop: AtomicBool,
    seen: Mutex<BTreeSet<(&'static str, String)>>,
}

impl Watch {
    async fn go_on(self: Arc<Self>, admin: Client, server: u32) {
        let sessions = "SELECT DISTINCT concat_ws(' ', application_name, query) FROM pg_stat_activity";
        while !self.stop.load(Ordering::SeqCst) {
            let rows = admin.query(sessions, &[]).await.unwrap();
            self.look(rows.iter().map(|row| row.get(0)), server);
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

impl Watch {
    fn look(&self, sessions: impl Iterator<Item = String>, server: u32) {
        let mut seen = self.seen.lock().unwrap();
        seen.extend(sessions.map(|text| ("a session", text)));
        for process in descendants(server) {
            for (what, file) in [("a command line", "cmdline"), ("an environment", "environ")] {
                // It may have ended meanwhile.
                let bytes = fs::read(format!("/proc/{process}/{file}")).unwrap_or_default();
                seen.insert((what, String::from_utf8_lossy(&bytes).replace('\0', "\n")));
            }
        }
    }
}

/// A process and all below it.
fn descendants(root: u32) -> Vec<u32> {
    let mut all = vec![root];
    let mut next = 0;
    while next < all.len() {
        let tasks = fs::read_dir(format!("/proc/{}/task", all[next])).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
        all.extend(children.flat_map(|text| text.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<u32>>()));
        next += 1;
    }
    all
}

/// A database as PostgreSQL's dump writes it.
fn dump(server: &Server, database: &str) -> String {
    let facts: Value = serde_json::from_slice(&fs::read(server.data_dir().join("postgres.json")).unwrap()).unwrap();
    let password = fs::read_to_string(server.data_dir().join("secrets/postgres-password")).unwrap();
    let mut command = Command::new(postgres_bin().join("pg_dump"));
    command.args(["--host", facts["socket_dir"].as_str().unwrap(), "--username", facts["superuser"].as_str().unwrap(), database]);
    let output = command.env("PGPASSWORD", password.trim()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Everything that gives a secret out, and everything that takes one.
async fn live(server: &Server, given: &mut Given) -> Vec<Environment> {
    let owner = server.owner();
    let root = blog(server).await;
    given.0.extend([root.secret.clone(), owner.token.clone(), VALUE.into()]);
    let set = json!({ "environmentId": root.id, "variables": [{ "name": "KEY", "value": VALUE }] });
    owner.must("setVariables", set).await;
    let mut environments = vec![root.clone()];
    for (name, strategy) in [("instant", "INSTANT"), ("snapshot", "SNAPSHOT")] {
        let more = json!({ "strategy": strategy, "copyEnvironmentVariables": true });
        let made = branch(&owner, &root.project, "dev", name, more).await;
        given.take(&made);
        environments.push(Environment::of(&made));
    }
    let member = owner.must("addMember", json!({ "email": "m@example.com" })).await["member"]["id"].clone();
    for (mutation, input) in [
        ("createApiKey", json!({ "environmentId": root.id, "kind": "SECRET", "name": "x" })),
        ("rotateApiKeys", json!({ "environmentId": root.id, "overlap": "1h" })),
        ("rotateApiKeys", json!({ "environmentId": root.id })),
        ("createAccessToken", json!({ "name": "x", "memberId": member })),
        ("rotateDatabaseCredential", json!({ "environmentId": root.id })),
        ("deleteEnvironment", json!({ "environmentId": environments[1].id })),
        ("restoreEnvironment", json!({ "environmentId": environments[1].id })),
    ] {
        let payload = owner.must(mutation, input).await;
        given.take(&payload);
        if let Some(url) = payload["url"].as_str() {
            connect_url(url).await.simple_query("SELECT 1").await.unwrap();
        }
    }
    // Wrong ones are no less secret: they may be right elsewhere.
    for secret in given.0.clone() {
        let stranger = server.stranger().header("x-api-key", &secret).header("authorization", &format!("Bearer {secret}"));
        stranger.get("/v1/data/posts").await;
        stranger.post("/graphql", &json!({ "query": "{ viewer { id } }" })).await;
        stranger.post("/v1/data/authors", &json!({ "handle": 1 })).await;
    }
    for arguments in [&["keys", "list"][..], &["env", "list"], &["vars", "list"], &["tokens", "list"], &["audit"], &["doctor"]] {
        server.cli(&[arguments, &["--project", "blog"]].concat()).await;
    }
    environments
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_secret_is_where_it_should_not_be() {
    let server = Server::start();
    let watch = Arc::new(Watch { stop: AtomicBool::new(false), seen: Mutex::default() });
    let watching = tokio::spawn(Arc::clone(&watch).go_on(superuser(&server, "postgres").await, server.pid()));
    let mut given = Given::default();
    let environments = live(&server, &mut given).await;
    watch.stop.store(true, Ordering::SeqCst);
    watching.await.unwrap();
    assert!(given.0.len() > 8, "few secrets were given out: {}", given.0.len());

    let mut searched: Vec<(String, String)> = Vec::new();
    searched.extend(watch.seen.lock().unwrap().iter().map(|(what, text)| ((*what).to_owned(), text.clone())));
    assert!(searched.iter().any(|(_, text)| text.contains("pg_restore")), "no program of PostgreSQL was seen");
    searched.extend(
        server.log().lines().filter(|line| !line.starts_with(SETUP_LINK)).map(|line| ("the log".to_owned(), line.to_owned())),
    );
    searched.push(("the metrics".to_owned(), server.stranger().get("/metrics").await.text));
    let mut databases = vec!["cloche_control".to_owned()];
    for environment in &environments {
        databases.push(database_of(&server, &environment.id).await);
    }
    for database in &databases {
        let text = dump(&server, database);
        assert!(text.contains("CREATE TABLE"), "the dump of {database} is empty");
        searched.push((format!("the dump of {database}"), text));
    }
    let mut violations: Vec<String> = searched
        .iter()
        .filter_map(|(place, text)| {
            Some(format!("{place} holds {}…: {}", given.found(text)?, text.chars().take(80).collect::<String>()))
        })
        .collect();
    if searched.iter().any(|(_, text)| text.contains("PGPASSWORD=")) {
        violations.push("a program of PostgreSQL was given a password in its environment".into());
    }
    superuser(&server, "postgres").await.batch_execute("CHECKPOINT").await.unwrap();
    let (files, hits) = given.in_files(&server.data_dir(), &["owner-token", "secrets"]);
    violations.extend(hits.iter().map(|file| format!("the file {file} holds a secret")));
    let tries = searched.len() + files;

    // And a secret that is there is found: in a file, and in a table.
    let admin = superuser(&server, &databases[1]).await;
    let planted = environments[0].secret.clone();
    admin.batch_execute(&format!("UPDATE authors SET bio = '{planted}' WHERE handle = 'ada'; CHECKPOINT")).await.unwrap();
    assert!(given.found(&dump(&server, &databases[1])).is_some(), "a planted secret is not found in a dump");
    let (_, found) = given.in_files(&server.data_dir(), &["owner-token", "secrets"]);
    assert!(found.iter().any(|file| file.contains("/base/")), "a planted secret is not found in files: {found:?}");
    assert!(found.iter().any(|file| file.contains("/pg_wal/")), "a planted secret is not found in the log of writes: {found:?}");
    let other = given.in_files(&server.data_dir().join("secrets"), &[]).0;
    assert!(other > 0 && files > 500, "hardly any file was searched: {files}");
    report("secrets", What::Crossings, tries, &violations);
}
