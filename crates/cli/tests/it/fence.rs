//! Several servers over one PostgreSQL: what one of them ends is ended on all of them when the call returns, whatever has happened to
//! the others.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::client::Api;
use crate::harness::{Postgres, Server, postgres_bin, run_cli, signal, until};
use crate::proof::{self, What};
use crate::proxy::{Link, Proxy};
use crate::world::{Environment, blog, blog_files, branch, connect_url, count};

/// Three servers. The third reaches PostgreSQL over a link that a test can spoil.
struct Cell {
    // Dropped in this order: PostgreSQL goes last.
    nodes: Vec<Server>,
    link: Proxy,
    postgres: Postgres,
}

/// What has happened to a node when the change is made on another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    /// The third hears no notification.
    Silent,
    /// The third cannot reach the database.
    Cut,
    /// The second is stopped (SIGSTOP), for longer than its lease.
    Stopped,
    /// The second is stopped for half as long as its lease.
    StoppedBriefly,
}

/// What ends the use of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Revoke,
    Rotate,
    Pause,
    Delete,
}

const PATH: &str = "/v1/data/posts?limit=1";

impl Cell {
    async fn start() -> Self {
        Self::start_with_faults(None).await
    }

    /// The faults are the first node's.
    async fn start_with_faults(faults: Option<&str>) -> Self {
        let postgres = Postgres::start();
        let link = Proxy::to(postgres.port).await;
        let first = Server::start_over(&postgres.url(postgres.port), None, faults);
        let second = Server::start_over(&postgres.url(postgres.port), Some(&first), None);
        let third = Server::start_over(&postgres.url(link.port), Some(&first), None);
        Self { nodes: vec![first, second, third], link, postgres }
    }

    fn begin(&self, trouble: Trouble) {
        match trouble {
            Trouble::None => {}
            Trouble::Silent => self.link.set(Link::Silent),
            Trouble::Cut => self.link.set(Link::Cut),
            Trouble::Stopped | Trouble::StoppedBriefly => signal(self.nodes[1].pid(), "STOP"),
        }
    }

    fn end(&self, trouble: Trouble) {
        self.link.set(Link::Whole);
        if matches!(trouble, Trouble::Stopped | Trouble::StoppedBriefly) {
            signal(self.nodes[1].pid(), "CONT");
        }
    }
}

impl Drop for Cell {
    fn drop(&mut self) {
        // A server that is stopped, or cannot reach its database, would take its time to end.
        self.end(Trouble::Stopped);
    }
}

/// Requests with one key, sent to one node without a pause until they are told to stop.
struct Watch {
    sent: Arc<Mutex<Vec<(Instant, u16)>>>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Watch {
    fn start(node: &Server, key: &str) -> Self {
        let (api, sent, stop) = (node.api(key), Arc::<Mutex<Vec<_>>>::default(), Arc::new(AtomicBool::new(false)));
        let (log, told) = (Arc::clone(&sent), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            while !told.load(Ordering::SeqCst) {
                let began = Instant::now();
                let status = api.try_send("GET", PATH, None).await.map_or(0, |answer| answer.status);
                log.lock().unwrap().push((began, status));
                // What is refused need not be asked at full speed.
                tokio::time::sleep(Duration::from_millis(if status == 200 { 1 } else { 5 })).await;
            }
        });
        Self { sent, stop, task }
    }

    fn accepted(&self) -> usize {
        self.sent.lock().unwrap().iter().filter(|(_, status)| *status == 200).count()
    }

    fn began_after(&self, instant: Instant) -> usize {
        self.sent.lock().unwrap().iter().filter(|(began, _)| *began > instant).count()
    }

    async fn stop(self) -> Vec<(Instant, u16)> {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
        std::mem::take(&mut *self.sent.lock().unwrap())
    }
}

/// Makes `keys` keys (or environments), uses each on every node, ends them all on the first node, and goes on using them. Answers how
/// many requests began after the call that ended their key had returned, and those of them that were accepted.
async fn attack(cell: &Cell, root: &Environment, change: Change, trouble: Trouble, keys: usize) -> (usize, Vec<String>) {
    let mut victims = Vec::new();
    for number in 0..keys {
        victims.push(victim(cell, root, change, number).await);
    }
    let watches: Vec<Vec<Watch>> =
        victims.iter().map(|(key, ..)| cell.nodes.iter().map(|node| Watch::start(node, key)).collect()).collect();
    until("every key is in use on every node", async || watches.iter().flatten().all(|watch| watch.accepted() > 1).then_some(()))
        .await;
    cell.begin(trouble);
    if trouble == Trouble::StoppedBriefly {
        let pid = cell.nodes[1].pid();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            signal(pid, "CONT");
        });
    }
    let ended: Vec<Instant> = join_all(victims.iter().map(async |(_, mutation, input)| {
        cell.nodes[0].owner().must(mutation, input.clone()).await;
        Instant::now()
    }))
    .await;
    // Sent to a node that is stopped, these are the first it reads when it goes on.
    let late: Vec<_> = victims
        .iter()
        .flat_map(|(key, ..)| cell.nodes.iter().map(|node| node.api(key)))
        .map(|api: Api| tokio::spawn(async move { api.try_send("GET", PATH, None).await.map_or(0, |answer| answer.status) }))
        .collect();
    tokio::time::sleep(Duration::from_millis(30)).await;
    cell.end(trouble);
    let (mut tries, mut violations) = (0, Vec::new());
    for status in join_all(late).await.into_iter().map(Result::unwrap) {
        tries += 1;
        if status == 200 {
            violations.push(format!("{change:?} with {trouble:?}: a late request was accepted"));
        }
    }
    for (watches, ended) in watches.into_iter().zip(ended) {
        for (node, watch) in watches.into_iter().enumerate() {
            until("the key was tried again", async || (watch.began_after(ended) > 1).then_some(())).await;
            for (began, status) in watch.stop().await {
                let after = began.checked_duration_since(ended).filter(|after| !after.is_zero());
                tries += usize::from(after.is_some());
                if let (Some(after), 200) = (after, status) {
                    violations.push(format!("{change:?} with {trouble:?}: node {node} accepted a request {after:?} later"));
                }
            }
        }
    }
    if change == Change::Pause {
        cell.nodes[2].owner().must("resumeEnvironment", victims[0].2.clone()).await;
        for node in &cell.nodes {
            assert_eq!(
                node.api(&victims[0].0).get(PATH).await.status,
                200,
                "a resumed environment is open on every node at once"
            );
        }
    }
    (tries, violations)
}

/// A key, and the mutation that ends its use. All but revoking needs an environment of its own.
async fn victim(cell: &Cell, root: &Environment, change: Change, number: usize) -> (String, &'static str, Value) {
    let owner = cell.nodes[number % 2].owner();
    if change == Change::Revoke {
        let made = owner.must("createApiKey", json!({ "environmentId": root.id, "kind": "SECRET", "name": "short" })).await;
        let key = made["secret"].as_str().unwrap().to_owned();
        return (key, "revokeApiKey", json!({ "keyId": made["apiKey"]["id"] }));
    }
    let name = format!("e-{}", uuid());
    let environment = Environment::of(&branch(&owner, &root.project, "dev", &name, json!({})).await);
    let input = json!({ "environmentId": environment.id });
    let mutation = match change {
        Change::Rotate => "rotateApiKeys",
        Change::Pause => "pauseEnvironment",
        Change::Revoke | Change::Delete => "deleteEnvironment",
    };
    (environment.secret, mutation, input)
}

/// Something nobody else is named.
fn uuid() -> String {
    use std::time::SystemTime;
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_ends_no_node_accepts() {
    let cell = Cell::start().await;
    let root = blog(&cell.nodes[0]).await;
    let (rounds, keys): (usize, usize) = if proof::full() { (20, 64) } else { (1, 16) };
    let (mut tries, mut violations, mut changes) = (0, Vec::new(), 0);
    let mut plan = Vec::new();
    for _ in 0..rounds {
        plan.extend([(Change::Revoke, Trouble::None, keys), (Change::Revoke, Trouble::Silent, keys)]);
    }
    for _ in 0..rounds.div_ceil(4) {
        plan.extend([(Change::Revoke, Trouble::Stopped, 8), (Change::Revoke, Trouble::Cut, 4)]);
        plan.extend([
            (Change::Rotate, Trouble::Silent, 2),
            (Change::Pause, Trouble::None, 1),
            (Change::Delete, Trouble::None, 1),
        ]);
    }
    if proof::full() {
        for change in [Change::Revoke, Change::Rotate, Change::Pause, Change::Delete] {
            for trouble in [Trouble::Silent, Trouble::Stopped, Trouble::StoppedBriefly, Trouble::Cut] {
                plan.push((change, trouble, 2));
            }
        }
    }
    for (change, trouble, keys) in plan {
        let (tried, accepted) = attack(&cell, &root, change, trouble, keys).await;
        (tries, changes) = (tries + tried, changes + keys);
        violations.extend(accepted);
    }
    println!("{changes} changes on three nodes");
    assert!(cell.link.kept_back() > 0, "no notification was kept back");
    proof::report("fence", What::AcceptedAfterRevoke, tries, &violations);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_change_on_every_node_at_once() {
    let cell = Cell::start().await;
    let root = blog(&cell.nodes[0]).await;
    let open = blog_files();
    let mut closed = open.clone();
    for file in closed.as_array_mut().unwrap() {
        let text = file["content"].as_str().unwrap();
        let is_rule = |line: &str| ["anon:", "user:"].iter().any(|role| line.trim_start().starts_with(role));
        let without: Vec<&str> = text.lines().filter(|line| !is_rule(line)).collect();
        file["content"] = json!(without.join("\n").replace("access:", "access: {}"));
    }
    let path = "/v1/data/posts";
    for round in 0..3 {
        for (files, status) in [(&closed, 404), (&open, 200)] {
            let input = json!({ "environmentId": root.id, "files": files });
            let payload = cell.nodes[round].owner().must("applyDefinitions", input).await;
            assert_eq!(payload["plan"]["empty"], false, "{payload:#}");
            for (number, node) in cell.nodes.iter().enumerate() {
                let answer = node.api(&root.publishable).get(path).await;
                assert_eq!(answer.status, status, "node {number}, changed by {round}: {}", answer.text);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_work_of_a_node_that_dies_is_finished_by_another() {
    let mut cell = Cell::start_with_faults(Some("clone_database:after-effect:forward:kill")).await;
    let root = blog(&cell.nodes[1]).await;
    let input = json!({ "projectId": root.project, "name": "staging", "sourceEnvironment": "dev", "mode": "full" });
    cell.nodes[0].owner().begin("branchEnvironment", input);
    let first = cell.nodes.remove(0);
    let stopped = first.wait_for_death().await;
    let owner = cell.nodes[0].owner();
    until("another node has finished it", async || {
        let document = "query($p: String!) { environment(projectId: $p, name: \"staging\") { id status } }";
        let found = owner.query(document, json!({ "p": root.project })).await;
        (found["environment"]["status"] == "active").then_some(())
    })
    .await;
    // The one that died comes back as a new node, and may go on where the others are.
    let first = stopped.start();
    let operations = "query($p: String!) { operations(projectId: $p) { nodes { kind status } } }";
    let operations = first.owner().query(operations, json!({ "p": root.project })).await;
    assert!(operations["operations"]["nodes"].as_array().unwrap().iter().all(|one| one["status"] == "done"), "{operations:#}");
    let staging = first
        .owner()
        .query("query($p: String!) { environment(projectId: $p, name: \"staging\") { id } }", json!({ "p": root.project }))
        .await;
    let keys = first.owner().must("rotateApiKeys", json!({ "environmentId": staging["environment"]["id"] })).await;
    assert_eq!(count(&cell.nodes[1].api(keys["keys"]["secret"].as_str().unwrap()), "posts").await, 3);
    cell.nodes.push(first);
}

/// A server that is stopped in the middle of a step, and goes on after another has finished its work, changes nothing any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_comes_back_does_not_go_on_with_what_another_finished() {
    for step in ["clone_database", "activate"] {
        let cell = Cell::start_with_faults(Some(&format!("{step}:before-effect:forward:stop:once"))).await;
        let root = blog(&cell.nodes[1]).await;
        let input = json!({ "projectId": root.project, "name": "staging", "sourceEnvironment": "dev", "mode": "full" });
        cell.nodes[0].owner().begin("branchEnvironment", input);
        let owner = cell.nodes[1].owner();
        let document = "query($p: String!) { environment(projectId: $p, name: \"staging\") { id status } }";
        let staging = async || owner.query(document, json!({ "p": root.project })).await["environment"].clone();
        until("another node has finished it", async || (staging().await["status"] == "active").then_some(())).await;
        let input = json!({ "environmentId": staging().await["id"] });
        let keys = owner.must("rotateApiKeys", input.clone()).await;
        owner.must("pauseEnvironment", input.clone()).await;
        signal(cell.nodes[0].pid(), "CONT");
        until("the first node has noticed", async || {
            cell.nodes[0].log().contains("an operation stopped before its end").then_some(())
        })
        .await;
        assert_eq!(staging().await["status"], "paused", "{step}");
        owner.must("resumeEnvironment", input).await;
        assert_eq!(count(&cell.nodes[1].api(keys["keys"]["secret"].as_str().unwrap()), "posts").await, 3, "{step}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_branch_made_on_one_node_fails_no_request_on_any() {
    let cell = Cell::start().await;
    let root = blog(&cell.nodes[0]).await;
    let watches: Vec<Watch> = cell.nodes.iter().map(|node| Watch::start(node, &root.secret)).collect();
    until("every node serves", async || watches.iter().all(|watch| watch.accepted() > 5).then_some(())).await;
    for (number, node) in cell.nodes.iter().enumerate().take(2) {
        let made = branch(&node.owner(), &root.project, "dev", &format!("pr-{number}"), json!({ "strategy": "INSTANT" })).await;
        assert_eq!(made["operation"]["strategy"], "instant", "{made:#}");
        let before: Vec<usize> = watches.iter().map(Watch::accepted).collect();
        until("every node serves on", async || {
            watches.iter().zip(&before).all(|(watch, before)| watch.accepted() > before + 5).then_some(())
        })
        .await;
    }
    for (node, watch) in watches.into_iter().enumerate() {
        let sent = watch.stop().await;
        assert!(sent.iter().all(|(_, status)| *status == 200), "node {node} failed requests: {:?}", sent.iter().map(|one| one.1));
    }
}

/// As a server that is cut off between numbering a change and committing it: nobody else can number one meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_hangs_stops_nothing_but_changes() {
    let cell = Cell::start().await;
    let root = blog(&cell.nodes[0]).await;
    let node = &cell.nodes[1];
    let watch = Watch::start(node, &root.secret);
    until("the node serves", async || (watch.accepted() > 5).then_some(())).await;
    let url = cell.postgres.url(cell.postgres.port).replace("/postgres?", "/cloche_control?");
    let hanging = connect_url(&url).await;
    hanging.batch_execute("BEGIN; UPDATE fence SET epoch = epoch + 1").await.unwrap();
    // More of them than the server has connections to the control database.
    let (owner, id) = (node.owner(), root.id.clone());
    let changes = (0..20).map(|number| {
        let (owner, input) = (owner.clone(), json!({ "environmentId": id, "name": format!("dev-{number}") }));
        tokio::spawn(async move { owner.send("updateEnvironment", input).await })
    });
    let changes: Vec<_> = changes.collect();
    for change in join_all(changes).await {
        let body = change.unwrap();
        let code = body["data"]["updateEnvironment"]["code"].as_str();
        assert_eq!(code, Some("database/busy"), "{body:#}");
    }
    hanging.batch_execute("ROLLBACK").await.unwrap();
    owner.must("updateEnvironment", json!({ "environmentId": id, "name": "dev-0" })).await;
    let sent = watch.stop().await;
    assert!(sent.iter().all(|(_, status)| *status == 200), "data requests failed while changes could not be made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_cannot_share_are_told_how() {
    let embedded = Server::start();
    let facts: Value =
        serde_json::from_str(&std::fs::read_to_string(embedded.data_dir().join("postgres.json")).unwrap()).unwrap();
    let password = std::fs::read_to_string(embedded.data_dir().join("secrets/postgres-password")).unwrap();
    let socket = facts["socket_dir"].as_str().unwrap().replace('/', "%2F");
    let url =
        format!("postgres://{}:{}@{socket}:{}/postgres", facts["superuser"].as_str().unwrap(), password.trim(), facts["port"]);
    let bin = postgres_bin();
    let second = async |folder: &str, url: &str| {
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            folder,
            "--postgres-bin",
            bin.to_str().unwrap(),
            "--database-url",
            url,
        ];
        run_cli(&embedded.scratch(), &[], &arguments).await
    };
    let other_key = second("other-key", &url).await;
    assert_eq!(other_key.code, 1, "{}", other_key.stderr);
    assert!(other_key.stderr.contains("made with another master key"), "{}", other_key.stderr);
    let secrets = embedded.scratch().join("same-key/secrets");
    std::fs::create_dir_all(&secrets).unwrap();
    std::fs::copy(embedded.data_dir().join("secrets/master.key"), secrets.join("master.key")).unwrap();
    let same_key = second("same-key", &url).await;
    assert_eq!(same_key.code, 1, "{}", same_key.stderr);
    assert!(same_key.stderr.contains("an embedded PostgreSQL serves one"), "{}", same_key.stderr);
    // The first one did not notice.
    assert_eq!(embedded.stranger().get("/readyz").await.status, 200);
}
