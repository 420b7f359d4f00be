//! Every step of every operation × each moment × forward and undo × each way of failing: what was begun ends one way or the other,
//! and nothing is left of it. The steps come from the server's own plans.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use cloche_server::operation_steps;
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{Random, What, full, random, report};
use crate::client::Person;
use crate::harness::{Server, until};
use crate::world::{Environment, Remains, blog, count, remains, superuser};

const MOMENTS: [&str; 3] = ["before-effect", "after-effect", "after-log"];
/// How long a connection that is to be cut at work is waited for (`postgres/sever.rs`), and some more.
const LURKING: Duration = Duration::from_millis(700);
const ACTIONS: [&str; 4] = ["error", "panic", "sever", "kill"];
/// How many cells run at the same time. Instant copies want the source for themselves, and a cut strikes all there is.
const AT_ONCE: usize = 4;

/// A way of starting an operation of a kind.
#[derive(Debug, Clone, Copy)]
struct Variant {
    kind: &'static str,
    mutation: &'static str,
    name: &'static str,
    /// What the input has beside the names.
    more: fn() -> Value,
    /// What it is done to must be made first.
    on_existing: bool,
    can_unwind: bool,
}

const VARIANTS: [Variant; 5] = [
    Variant {
        kind: "createEnvironment",
        mutation: "createEnvironment",
        name: "create",
        more: || json!({}),
        on_existing: false,
        can_unwind: true,
    },
    Variant {
        kind: "branchEnvironment",
        mutation: "branchEnvironment",
        name: "instant branch",
        more: || json!({ "sourceEnvironment": "dev", "mode": "full", "strategy": "INSTANT", "copyEnvironmentVariables": true }),
        on_existing: false,
        can_unwind: true,
    },
    Variant {
        kind: "branchEnvironment",
        mutation: "branchEnvironment",
        name: "snapshot branch",
        more: || json!({ "sourceEnvironment": "dev", "mode": "full", "strategy": "SNAPSHOT", "copyEnvironmentVariables": true }),
        on_existing: false,
        can_unwind: true,
    },
    Variant {
        kind: "deleteEnvironment",
        mutation: "deleteEnvironment",
        name: "delete",
        more: || json!({}),
        on_existing: true,
        can_unwind: false,
    },
    Variant {
        kind: "deleteEnvironment",
        mutation: "deleteEnvironment",
        name: "purge",
        more: || json!({ "purge": true }),
        on_existing: true,
        can_unwind: false,
    },
];

/// One failure.
#[derive(Debug, Clone)]
struct Cell {
    variant: Variant,
    script: String,
    moment: &'static str,
    undo: bool,
    action: &'static str,
    operation: Uuid,
}

/// Every cell there is.
fn cells() -> Vec<Cell> {
    let mut cells = Vec::new();
    for (kind, steps) in operation_steps() {
        let variants: Vec<_> = VARIANTS.into_iter().filter(|variant| variant.kind == kind).collect();
        assert!(!variants.is_empty(), "operations of kind {kind} have no row in VARIANTS");
        for variant in variants {
            for (step, moment) in steps.iter().flat_map(|step| MOMENTS.map(|moment| (step, moment))) {
                for action in ACTIONS {
                    // A kill ends the process that would remember that it has struck.
                    let script = format!("{step}:{moment}:forward:{action}:once");
                    cells.push(Cell { variant, script, moment, undo: false, action, operation: Uuid::now_v7() });
                    if variant.can_unwind {
                        let last = steps.last().unwrap();
                        let script = format!("{last}:after-effect:forward:error:once,{step}:{moment}:undo:{action}:once");
                        cells.push(Cell { variant, script, moment, undo: true, action, operation: Uuid::now_v7() });
                    }
                }
            }
        }
    }
    cells
}

impl Cell {
    fn name(&self) -> String {
        format!("c-{}", self.operation.simple())
    }

    fn what(&self) -> String {
        format!("{}: {}", self.variant.name, self.script)
    }

    /// The point its last fault strikes at.
    fn point(&self) -> &str {
        let last = self.script.rsplit(',').next().unwrap();
        last.strip_suffix(&format!(":{}:once", self.action)).unwrap()
    }
}

/// A server that reads each operation's faults from a folder, and the environment that is copied.
struct Stage {
    server: Server,
    control: Client,
    root: Environment,
    before: Remains,
    violations: Vec<String>,
}

fn folder(server: &Server) -> PathBuf {
    server.scratch().join("faults")
}

impl Stage {
    async fn new() -> Self {
        let server = Server::start();
        let root = blog(&server).await;
        let variables = json!([{ "name": "KEY", "value": "value" }]);
        server.owner().must("setVariables", json!({ "environmentId": root.id, "variables": variables })).await;
        fs::create_dir(folder(&server)).unwrap();
        let faults = folder(&server);
        let server = server.stop().start_with_faults(faults.to_str().unwrap());
        let control = superuser(&server, "cloche_control").await;
        Self { before: remains(&server).await, server, control, root, violations: Vec::new() }
    }

    /// The input of a cell's mutation; what it is done to is made.
    async fn input(&self, cell: &Cell) -> Value {
        let mut input = (cell.variant.more)();
        if cell.variant.on_existing {
            let made = json!({ "projectId": self.root.project, "name": cell.name() });
            input["environmentId"] = json!(Environment::of(&self.server.owner().must("createEnvironment", made).await).id);
        } else {
            input["projectId"] = json!(self.root.project);
            input["name"] = json!(cell.name());
        }
        input["operationId"] = json!(cell.operation);
        fs::write(folder(&self.server).join(cell.operation.to_string()), &cell.script).unwrap();
        input
    }

    /// Runs cells that leave the server alive, some at a time; whether each has struck is seen in the log.
    async fn run(&mut self, cells: &[Cell], at_once: usize) {
        for some in cells.chunks(at_once) {
            let mut sent = Vec::new();
            for cell in some {
                let input = self.input(cell).await;
                sent.push((cell, input.clone(), self.server.owner().begin(cell.variant.mutation, input)));
            }
            for (cell, input, answer) in sent {
                // What it answers is the saga's business; an answer there is.
                if let Err(error) = answer.await.unwrap() {
                    self.violations.push(format!("{}: no answer: {error:?}", cell.what()));
                }
                // The request itself may have met a connection that the cell before had cut: then nothing was begun.
                for _ in 0..10 {
                    if self.begun(cell).await {
                        break;
                    }
                    let _ = self.server.owner().begin(cell.variant.mutation, input.clone()).await.unwrap();
                }
            }
            if some.iter().any(|cell| cell.action == "sever" && cell.moment == "before-effect") {
                // Where the effect sent no statement, the next one of anybody is still lain in wait for: half a second.
                tokio::time::sleep(LURKING).await;
            }
        }
        self.struck(cells, &self.server.log());
    }

    async fn begun(&self, cell: &Cell) -> bool {
        let sql = "SELECT FROM operations WHERE id::text = $1";
        self.control.query_opt(sql, &[&cell.operation.to_string()]).await.unwrap().is_some()
    }

    fn struck(&mut self, cells: &[Cell], log: &str) {
        for cell in cells {
            let id = cell.operation.to_string();
            let mut lines = log.lines().filter(|line| line.contains("fault injected") && line.contains(&id));
            if !lines.any(|line| line.contains(cell.point())) {
                self.violations.push(format!("{}: its fault has not struck: the cell has shown nothing", cell.what()));
            }
        }
    }

    /// Runs a cell that kills the server, and starts another.
    async fn kill(mut self, cell: &Cell) -> Self {
        let input = self.input(cell).await;
        self.server.owner().begin(cell.variant.mutation, input);
        let faults = folder(&self.server);
        let stopped = self.server.wait_for_death().await;
        fs::remove_file(faults.join(cell.operation.to_string())).unwrap();
        let log = stopped.log.clone();
        self.server = stopped.start_with_faults(faults.to_str().unwrap());
        self.control = superuser(&self.server, "cloche_control").await;
        self.struck(std::slice::from_ref(cell), &log);
        self
    }

    /// Waits until no operation is under way, then looks at what became of each cell, and at what is left of all.
    async fn judge(&mut self, cells: &[Cell]) {
        until("nothing is under way", async || {
            let open = "SELECT count(*) FROM operations WHERE status NOT IN ('done', 'rolledBack')";
            (self.control.query_one(open, &[]).await.unwrap().get::<_, i64>(0) == 0).then_some(())
        })
        .await;
        let owner = self.server.owner();
        for cell in cells {
            if let Err(problem) = self.outcome(cell, &owner).await {
                self.violations.push(format!("{}: {problem}", cell.what()));
            }
        }
        let after = remains(&self.server).await;
        if after != self.before {
            self.violations.push(format!("left over: {}", difference(&self.before, &after)));
        }
        let metrics = self.server.stranger().get("/metrics").await.text;
        let open = metrics.lines().find_map(|line| line.strip_prefix("cloche_environments_open ")?.parse::<usize>().ok());
        if open.is_none_or(|open| open > after.environments.len()) {
            self.violations.push(format!("{open:?} environments are open, of {}", after.environments.len()));
        }
    }

    /// How a cell has ended; what it made is tried, and removed.
    async fn outcome(&self, cell: &Cell, owner: &Person) -> Result<(), String> {
        let sql = "SELECT o.status, e.status, e.id::text, EXISTS (SELECT FROM pg_database WHERE datname = o.input->>'database'),
                (SELECT count(*) FROM pg_roles WHERE rolname = o.input->>'database' OR rolname LIKE (o.input->>'database') || '\\_%'),
                (SELECT count(*) FROM claims c WHERE c.operation_id = o.id)
            FROM operations o LEFT JOIN environments e ON e.id = o.environment_id WHERE o.id::text = $1";
        let row = self.control.query_opt(sql, &[&cell.operation.to_string()]).await.unwrap().ok_or("no operation was begun")?;
        let (status, environment): (String, Option<String>) = (row.get(0), row.get(1));
        let (id, database, roles, claims): (Option<String>, bool, i64, i64) = (row.get(2), row.get(3), row.get(4), row.get(5));
        let found = (status.as_str(), environment.as_deref(), database, roles, claims);
        let gone = ("rolledBack", None, false, 0, 0);
        let there = ("done", Some("active"), true, 5, 0);
        let (may, kept) = match (cell.variant.name, cell.undo) {
            ("delete", _) => (vec![("done", Some("deleted"), true, 5, 0)], true),
            ("purge", _) => (vec![("done", None, false, 0, 0)], false),
            (_, true) => (vec![gone], false),
            (_, false) if cell.moment != "after-log" && matches!(cell.action, "error" | "panic") => (vec![gone], false),
            // Resumed together with others, an instant copy may find its source in use.
            ("create" | "snapshot branch", false) if matches!(cell.action, "error" | "panic") => (vec![there], true),
            (_, false) => (vec![gone, there], status == "done"),
        };
        if !may.contains(&found) {
            return Err(format!("it ended as {found:?}"));
        }
        if kept {
            let id = id.unwrap();
            if found == there {
                let keys = owner.must("rotateApiKeys", json!({ "environmentId": id })).await;
                let api = self.server.api(keys["keys"]["secret"].as_str().unwrap());
                if cell.variant.kind == "branchEnvironment" && count(&api, "posts").await != 3 {
                    return Err("the branch has not the records of its source".into());
                }
            } else {
                owner.must("restoreEnvironment", json!({ "environmentId": id })).await;
            }
            owner.must("deleteEnvironment", json!({ "environmentId": id, "purge": true })).await;
        }
        Ok(())
    }
}

/// Where two differ, field by field.
fn difference(before: &Remains, after: &Remains) -> String {
    let (before, after) = (format!("{before:#?}"), format!("{after:#?}"));
    let new = after.lines().filter(|line| !before.lines().any(|other| other == *line));
    let gone = before.lines().filter(|line| !after.lines().any(|other| other == *line));
    format!("new: {:?}, gone: {:?}", new.collect::<Vec<_>>(), gone.collect::<Vec<_>>())
}

/// Some of the cells, spread over all kinds of them by chance.
fn some(random: &mut Random, cells: Vec<Cell>, number: usize) -> Vec<Cell> {
    let mut shuffled = BTreeMap::new();
    for cell in cells {
        shuffled.insert((random.next(), cell.operation), cell);
    }
    shuffled.into_values().take(number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_anywhere_leaves_nothing_behind() {
    let (killing, mut living): (Vec<_>, Vec<_>) = cells().into_iter().partition(|cell| cell.action == "kill");
    let mut random = random();
    let killing = if full() { killing } else { some(&mut random, killing, 2) };
    if !full() {
        // After a lost reply of the log the reconciler goes on half a minute later.
        living.retain(|cell| cell.moment != "after-log" && cell.action != "sever");
        living = some(&mut random, living, 30);
    }
    let mut stage = Stage::new().await;
    let (alone, together): (Vec<_>, Vec<_>) =
        living.iter().cloned().partition(|cell| cell.action == "sever" || cell.variant.name == "instant branch");
    stage.run(&together, AT_ONCE).await;
    stage.run(&alone, 1).await;
    stage.judge(&living).await;
    for cell in &killing {
        stage = stage.kill(cell).await;
        stage.judge(std::slice::from_ref(cell)).await;
    }
    assert_eq!(count(&stage.server.api(&stage.root.secret), "posts").await, 3);
    report("steps", What::Orphans, living.len() + killing.len(), &stage.violations);
}
