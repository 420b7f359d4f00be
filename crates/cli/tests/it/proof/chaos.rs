//! Kills at random moments under load: of the server, of PostgreSQL, of one of its sessions. What was acknowledged is there afterwards,
//! and nothing is that belongs to nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::{Random, What, check, full, random, record};
use crate::client::{Api, Person};
use crate::harness::{Server, signal, until};
use crate::world::{Environment, blog, blog_files, project, remains, superuser};

/// Everything somebody was told, in the words of an answer.
#[derive(Default)]
struct Told {
    /// Handles of authors that were made.
    authors: BTreeSet<String>,
    /// Secret keys of environments that were made, by id; and of those whose delete was acknowledged.
    made: BTreeMap<String, String>,
    gone: BTreeMap<String, String>,
    /// A delete was asked for, and no answer came: either may be.
    unsure: BTreeSet<String>,
    /// Keys that were replaced, and the one that replaced them where no later rotation is without an answer.
    replaced: BTreeSet<String>,
    newest: Option<String>,
    /// Columns that definitions brought.
    columns: BTreeSet<String>,
    /// The value of a variable, where no later change is without an answer.
    variable: Option<String>,
}

/// What all who load the server know.
struct Load {
    told: Mutex<Told>,
    stop: AtomicBool,
    owner: Person,
    root: Environment,
    /// The environment whose keys, definitions and variables change.
    busy: Environment,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::SeqCst)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    /// The payload of a mutation that was acknowledged; nothing where it was refused or no answer came.
    async fn attempt(&self, mutation: &str, input: Value) -> Option<Value> {
        let answer = self.owner.begin(mutation, input).await.unwrap().ok()?;
        let mut body: Value = serde_json::from_str(&answer.text).ok()?;
        let payload = body["data"][mutation].take();
        (payload["success"] == true).then_some(payload)
    }

    async fn write(self: Arc<Self>, api: Api, name: String) {
        for number in 0.. {
            if !self.goes_on() {
                return;
            }
            let handle = format!("{name}-{number}");
            let body = json!({ "handle": handle, "name": "Kept" }).to_string();
            if api.try_send("POST", "/v1/data/authors", Some(body)).await.is_ok_and(|answer| answer.status == 201) {
                self.told().authors.insert(handle);
            }
        }
    }

    async fn branch(self: Arc<Self>, name: String, mut random: Random) {
        for number in 0.. {
            if !self.goes_on() {
                return;
            }
            let strategy = ["AUTO", "SNAPSHOT"][random.below(2) as usize];
            let input = json!({ "projectId": self.root.project, "name": format!("{name}-{number}"), "sourceEnvironment": "dev",
                                "mode": "full", "strategy": strategy });
            let Some(payload) = self.attempt("branchEnvironment", input).await else { continue };
            let made = Environment::of(&payload);
            self.told().made.insert(made.id.clone(), made.secret.clone());
            if random.below(3) == 0 {
                continue;
            }
            self.told().unsure.insert(made.id.clone());
            let input = json!({ "environmentId": made.id, "purge": random.below(2) == 0 });
            if self.attempt("deleteEnvironment", input).await.is_some() {
                let mut told = self.told();
                told.made.remove(&made.id);
                told.unsure.remove(&made.id);
                told.gone.insert(made.id, made.secret);
            }
        }
    }

    async fn rotate(self: Arc<Self>) {
        while self.goes_on() {
            let newest = self.told().newest.take();
            let Some(payload) = self.attempt("rotateApiKeys", json!({ "environmentId": self.busy.id })).await else { continue };
            let mut told = self.told();
            told.replaced.extend(newest);
            told.newest = payload["keys"]["secret"].as_str().map(str::to_owned);
        }
    }

    async fn define(self: Arc<Self>, round: u64) {
        for number in 0.. {
            if !self.goes_on() {
                return;
            }
            let column = format!("c_{round}_{number}");
            let mut columns = self.told().columns.clone();
            columns.insert(column.clone());
            let lines: String = columns.iter().map(|name| format!("  {name}: {{ type: text, nullable: true }}\n")).collect();
            let mut files = blog_files();
            let table = format!("columns:\n  id: {{ type: uuid, primary_key: true, default: gen_random_uuid() }}\n{lines}");
            files.as_array_mut().unwrap().push(json!({ "path": "tables/growing.yaml", "content": table }));
            let input = json!({ "environmentId": self.busy.id, "files": files, "prune": true });
            if self.attempt("applyDefinitions", input).await.is_some() {
                self.told().columns.insert(column);
            }
        }
    }

    async fn vary(self: Arc<Self>, round: u64) {
        for number in 0.. {
            if !self.goes_on() {
                return;
            }
            let value = format!("{round}-{number}");
            self.told().variable = None;
            let input = json!({ "environmentId": self.busy.id, "variables": [{ "name": "COUNTER", "value": value }] });
            if self.attempt("setVariables", input).await.is_some() {
                self.told().variable = Some(value);
            }
        }
    }
}

/// What dies.
#[derive(Debug, Clone, Copy)]
enum Victim {
    Server,
    Postgres,
    Session,
}

/// Kills, and brings the server back where it does not come back by itself.
async fn strike(server: Server, victim: Victim, random: &mut Random) -> Server {
    match victim {
        Victim::Server => return server.kill().start(),
        Victim::Postgres => signal(server.postgres_pid(), "KILL"),
        Victim::Session => {
            let admin = superuser(&server, "postgres").await;
            let sql = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> ''";
            let pids: Vec<i32> = admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
            if !pids.is_empty() {
                signal(pids[random.below(pids.len() as u64) as usize].try_into().unwrap(), "KILL");
            }
        }
    }
    server
}

/// What was acknowledged and is not so; and how many facts were looked at.
async fn lost(server: &Server, root: &Environment, busy: &Environment, told: &Told, violations: &mut Vec<String>) -> usize {
    let owner = server.owner();
    let mut facts = 0;
    let mut expect = |holds: bool, what: String| {
        facts += 1;
        if !holds {
            violations.push(what);
        }
    };
    let rows = authors(&server.api(&root.secret)).await;
    for handle in &told.authors {
        expect(rows.contains(handle), format!("the author {handle} was acknowledged and is lost"));
    }
    for (id, key) in told.made.iter().filter(|(id, _)| !told.unsure.contains(*id)) {
        let status = server.api(key).get("/v1/data/posts").await.status;
        expect(status == 200, format!("the environment {id} was acknowledged; its key is answered {status}"));
    }
    for (id, key) in &told.gone {
        let status = server.api(key).get("/v1/data/posts").await.status;
        expect(status == 401, format!("the delete of {id} was acknowledged; its key is answered {status}"));
    }
    for key in &told.replaced {
        let status = server.api(key).get("/v1/data/growing").await.status;
        expect(status == 401, format!("the rotation of a key was acknowledged; the old one is answered {status}"));
    }
    let keys = owner.must("rotateApiKeys", json!({ "environmentId": busy.id })).await;
    let api = server.api(keys["keys"]["secret"].as_str().unwrap());
    for column in &told.columns {
        let status = api.get(&format!("/v1/data/growing?select={column}")).await.status;
        expect(status == 200, format!("the column {column} was acknowledged; asking for it is answered {status}"));
    }
    if let Some(value) = &told.variable {
        let document = "query($e: String!) { variables(environmentId: $e, reveal: true) { value } }";
        let found = owner.query(document, json!({ "e": busy.id })).await["variables"][0]["value"].clone();
        expect(found == json!(value), format!("the variable's value {value} was acknowledged; it is {found}"));
    }
    facts
}

/// The handles of all authors, page by page.
async fn authors(api: &Api) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    loop {
        let page = api.rows(&format!("/v1/data/authors?select=handle&order=handle&offset={}", all.len())).await;
        let handles = page.as_array().unwrap();
        all.extend(handles.iter().map(|row| row["handle"].as_str().unwrap().to_owned()));
        if handles.is_empty() {
            return all;
        }
    }
}

/// What belongs to nobody; and how many things were looked at.
async fn orphans(server: &Server, violations: &mut Vec<String>) -> usize {
    until("nothing is under way", async || (remains(server).await.running == 0).then_some(())).await;
    let control = superuser(server, "cloche_control").await;
    let known = control.query("SELECT database_name FROM environments", &[]).await.unwrap();
    let known: BTreeSet<String> = known.iter().map(|row| row.get(0)).collect();
    let left = remains(server).await;
    let mut note = |what: String| violations.push(what);
    left.databases.iter().filter(|name| !known.contains(*name)).for_each(|name| note(format!("the database {name} is nobody's")));
    known
        .iter()
        .filter(|name| !left.databases.contains(*name))
        .for_each(|name| note(format!("the database {name} is not there")));
    let owner_of = |role: &String| role.chars().take(35).collect::<String>();
    left.roles
        .iter()
        .filter(|role| !known.contains(&owner_of(role)))
        .for_each(|role| note(format!("the role {role} is nobody's")));
    if left.roles.len() != 5 * known.len() {
        note(format!("{} roles for {} environments", left.roles.len(), known.len()));
    }
    left.folders.iter().for_each(|folder| note(format!("the folder base/{folder} is no database's")));
    left.dumps.iter().for_each(|dump| note(format!("the dump {dump} is left")));
    left.children.iter().for_each(|child| note(format!("the program {child} is left")));
    let odd = left.environments.iter().filter(|one| !one.ends_with(" active") && !one.ends_with(" deleted"));
    odd.for_each(|one| note(format!("the environment {one} has no end")));
    if left.claims > 0 {
        note(format!("{} claims are left", left.claims));
    }
    left.databases.len() + left.roles.len() + left.environments.len()
}

/// Whether all that a client may want works again.
async fn recovered(server: &Server, root: &Environment) {
    let api = server.api(&root.secret);
    until("the server has recovered", async || {
        let ready = server.stranger().get("/readyz").await.status == 200;
        (ready && api.get("/v1/data/posts").await.status == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_outlives_every_kill() {
    let mut random = random();
    let mut server = Server::start();
    let root = blog(&server).await;
    let busy = project(&server.owner(), "busy").await;
    let mut told = Told::default();
    let (mut facts, mut seen) = (0, 0);
    let (mut losses, mut leftovers) = (Vec::new(), Vec::new());
    // Where PostgreSQL dies, the reconciler goes on half a minute later with what lost its database: too long for a quick run.
    let victims: &[Victim] = if full() { &[Victim::Server, Victim::Postgres, Victim::Session] } else { &[Victim::Server] };
    for round in 0..if full() { 15 } else { 2 } {
        let victim = victims[round as usize % victims.len()];
        let load = Arc::new(Load {
            told: Mutex::new(std::mem::take(&mut told)),
            stop: AtomicBool::new(false),
            owner: server.owner(),
            root: root.clone(),
            busy: busy.clone(),
        });
        let api = server.api(&root.secret);
        let mut tasks = Vec::new();
        for number in 0..3 {
            tasks.push(tokio::spawn(Arc::clone(&load).write(api.clone(), format!("{round}-{number}"))));
        }
        for number in 0..2 {
            let own = Random(random.next());
            tasks.push(tokio::spawn(Arc::clone(&load).branch(format!("b-{round}-{number}"), own)));
        }
        tasks.push(tokio::spawn(Arc::clone(&load).rotate()));
        tasks.push(tokio::spawn(Arc::clone(&load).define(round)));
        tasks.push(tokio::spawn(Arc::clone(&load).vary(round)));
        let wait = Duration::from_millis(300 + random.below(1_500));
        tokio::time::sleep(wait).await;
        if matches!(victim, Victim::Server) {
            load.stop.store(true, Ordering::SeqCst);
        }
        server = strike(server, victim, &mut random).await;
        println!("round {round}: {victim:?} after {wait:?}");
        recovered(&server, &root).await;
        load.stop.store(true, Ordering::SeqCst);
        for task in tasks {
            task.await.unwrap();
        }
        told = std::mem::take(&mut *load.told());
        let problems = (losses.len(), leftovers.len());
        facts += lost(&server, &root, &busy, &told, &mut losses).await;
        seen += orphans(&server, &mut leftovers).await;
        losses[problems.0..]
            .iter_mut()
            .chain(&mut leftovers[problems.1..])
            .for_each(|text| text.insert_str(0, &format!("{victim:?}: ")));
        told.newest = None;
        tidy(&server, &mut told).await;
    }
    let folder = server.data_dir().join("dumps");
    assert!(fs::read_dir(folder).map_or(0, Iterator::count) == 0);
    record("kills", What::LostWrites, facts, &losses);
    record("kill-orphans", What::Orphans, seen, &leftovers);
    check("kills", facts, &losses);
    check("kill-orphans", seen, &leftovers);
}

/// Removes the branches of a round: hundreds of databases would only make the next ones slow.
async fn tidy(server: &Server, told: &mut Told) {
    let owner = server.owner();
    let control = superuser(server, "cloche_control").await;
    let branches =
        control.query("SELECT id::text FROM environments WHERE parent_id IS NOT NULL AND status = 'active'", &[]).await.unwrap();
    for row in branches {
        owner.must("deleteEnvironment", json!({ "environmentId": row.get::<_, String>(0), "purge": true })).await;
    }
    told.made.clear();
    told.unsure.clear();
}
