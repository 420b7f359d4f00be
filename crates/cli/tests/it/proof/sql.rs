//! The customer's own SQL login against the walls: every probe, in a new environment, in an instant copy and in a restored one.

use serde_json::json;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::probes::{CATALOGS, FUNCTIONS, LOOKING, Probe, ROLES, SERVER, SETTINGS};
use super::{What, full, report};
use crate::harness::{Server, until};
use crate::hostile::lets_in;
use crate::world::{Environment, blog, blog_files, branch, connect_url, database_of, project, superuser};

/// In the foreign environment alone: in its records, its variables and its statements.
const MARKER: &str = "only-the-foreign-one-has-this";

/// All that the customer must not change, as the administrator sees it; in any database.
const CLUSTER: &str = "
SELECT format('role %s %s %s %s %s %s %s %s %s', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication,
              rolconnlimit, rolbypassrls) || coalesce(rolpassword, '') FROM pg_authid
UNION ALL SELECT format('member %s of %s %s %s %s', member::regrole, roleid::regrole, admin_option, inherit_option, set_option) FROM pg_auth_members
UNION ALL SELECT format('settings %s %s %s', setdatabase, setrole::regrole, setconfig) FROM pg_db_role_setting
UNION ALL SELECT format('database %s %s %s %s %s %s %s', datname, datdba::regrole, datallowconn, datconnlimit, datistemplate, dattablespace, datacl)
    FROM pg_database
UNION ALL SELECT format('tablespace %s %s', spcname, spcacl) FROM pg_tablespace
UNION ALL SELECT format('comment %s %s', classoid::regclass, description) FROM pg_shdescription
UNION ALL SELECT format('slot %s', slot_name) FROM pg_replication_slots
UNION ALL SELECT format('origin %s', roname) FROM pg_replication_origin
UNION ALL SELECT format('subscription %s', subname) FROM pg_subscription
UNION ALL SELECT format('file setting %s %s %s', sourcefile, name, setting) FROM pg_file_settings";

/// The same of one database: what is the platform's or PostgreSQL's own in it.
const DATABASE: &str = "
SELECT format('schema %s %s %s', nspname, nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp'
UNION ALL SELECT format('relation %s %s %s %s', c.oid::regclass, relowner::regrole, relacl, relchecks + relnatts) FROM pg_class c
    WHERE relnamespace IN ('cloche'::regnamespace, 'pg_catalog'::regnamespace)
UNION ALL SELECT format('function %s %s %s %s', p.oid::regprocedure, proowner::regrole, proacl, md5(prosrc)) FROM pg_proc p
    WHERE pronamespace IN ('cloche'::regnamespace, 'pg_catalog'::regnamespace)
UNION ALL SELECT format('language %s %s %s %s', lanname, lanowner::regrole, lanpltrusted, lanacl) FROM pg_language
UNION ALL SELECT format('extension %s %s', extname, extowner::regrole) FROM pg_extension
UNION ALL SELECT format('event trigger %s', evtname) FROM pg_event_trigger
UNION ALL SELECT format('wrapper %s', fdwname) FROM pg_foreign_data_wrapper
UNION ALL SELECT format('server %s', srvname) FROM pg_foreign_server
UNION ALL SELECT format('publication %s', pubname) FROM pg_publication
UNION ALL SELECT format('method %s', amname) FROM pg_am
UNION ALL SELECT format('large object %s', oid) FROM pg_largeobject_metadata
UNION ALL SELECT format('trigger %s', t.oid) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE relnamespace <> 'public'::regnamespace
UNION ALL SELECT format('policy %s', p.oid) FROM pg_policy p JOIN pg_class c ON c.oid = polrelid WHERE relnamespace <> 'public'::regnamespace
UNION ALL SELECT 'variable ' || v::text FROM cloche.variables v
UNION ALL SELECT 'revision ' || md5(r::text) FROM cloche.revisions r
UNION ALL SELECT 'definition ' || md5(d::text) FROM cloche.definitions d
UNION ALL SELECT 'migration ' || m::text FROM cloche.migrations m";

/// Of another environment: its records as well.
const CONTENTS: &str = "SELECT 'author ' || a::text FROM public.authors a UNION ALL SELECT 'post ' || p::text FROM public.posts p
UNION ALL SELECT 'object ' || c.oid::regclass FROM pg_class c WHERE relnamespace = 'public'::regnamespace";

const CONTROL: &str = "SELECT md5(string_agg(e::text, ',' ORDER BY e.id)) FROM environments e
UNION ALL SELECT md5(string_agg(k.prefix || k.hash::text || coalesce(k.revoked_at::text, ''), ',' ORDER BY k.id)) FROM api_keys k
UNION ALL SELECT md5(string_agg(m::text, ',')) FROM members m UNION ALL SELECT md5(string_agg(p::text, ',')) FROM projects p";

/// Removes what a probe's preparation made, so that the next one starts clean.
const CLEAN: &str = "DO $$ DECLARE one record; BEGIN
FOR one IN SELECT relname, CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END AS kind FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relname = 'evil' LOOP EXECUTE format('DROP %s %I CASCADE', one.kind, one.relname); END LOOP;
FOR one IN SELECT oid::regprocedure AS name FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = 'evil' LOOP
    EXECUTE format('DROP FUNCTION %s CASCADE', one.name); END LOOP;
DROP TYPE IF EXISTS evil, mine CASCADE; END $$";

/// An environment under attack and one that is not to notice.
struct World {
    name: &'static str,
    login: Config,
    own: String,
    foreign: String,
    cleaner: Client,
    /// The administrator in the own, the foreign and the control database.
    admins: [Client; 3],
    /// Keeps a statement of the foreign environment's customer in sight.
    _foreign_customer: Client,
}

impl World {
    async fn new(server: &Server, name: &'static str, own: &Environment, foreign: &Environment) -> Self {
        let owner = server.owner();
        let url = async |id: &str| {
            let payload = owner.must("rotateDatabaseCredential", json!({ "environmentId": id })).await;
            payload["url"].as_str().unwrap().to_owned()
        };
        let customer = connect_url(&url(&foreign.id).await).await;
        customer.simple_query(&format!("SELECT '{MARKER}'")).await.unwrap();
        // So that there are sessions of the data plane to be ended.
        for environment in [own, foreign] {
            server.api(&environment.publishable).rows("/v1/data/authors").await;
        }
        let login = url(&own.id).await;
        let (own, foreign) = (database_of(server, &own.id).await, database_of(server, &foreign.id).await);
        Self {
            name,
            cleaner: connect_url(&login).await,
            login: login.parse().unwrap(),
            admins: [superuser(server, &own).await, superuser(server, &foreign).await, superuser(server, "cloche_control").await],
            own,
            foreign,
            _foreign_customer: customer,
        }
    }

    /// Everything a probe must leave as it is.
    async fn state(&self) -> Vec<String> {
        let [own, foreign, control] = &self.admins;
        let foreign_all = format!("{DATABASE} UNION ALL {CONTENTS}");
        let mut lines = Vec::new();
        for (client, sql) in [(own, CLUSTER), (own, DATABASE), (foreign, foreign_all.as_str()), (control, CONTROL)] {
            let rows = client.query(sql, &[]).await.unwrap();
            lines.extend(rows.iter().map(|row| row.get::<_, Option<String>>(0).unwrap_or_default()));
        }
        lines.sort();
        lines
    }

    async fn customer(&self) -> Client {
        // Those of the last probes may still be leaving.
        let (client, connection) = until("there is a connection", async || self.login.connect(NoTls).await.ok()).await;
        tokio::spawn(connection);
        client
    }

    /// What is wrong with how a probe ended, if anything.
    async fn attempt(&self, probe: &Probe) -> Option<String> {
        let client = self.customer().await;
        let mut last = Ok(());
        for sql in probe.sql {
            let sql = sql.replace("{own}", &self.own).replace("{foreign}", &self.foreign);
            last = match client.simple_query(&sql).await {
                Ok(messages) => {
                    let told = answer(&messages);
                    if [MARKER, "root:x", "SCRAM-SHA-256"].iter().any(|secret| told.contains(secret)) {
                        return Some(format!("it is told what others have: {told}"));
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
            if last.is_err() && !probe.refused.is_empty() {
                break;
            }
        }
        match last {
            Ok(()) if !probe.refused.is_empty() => Some("it worked".into()),
            Err(error) if !probe.refused.is_empty() => {
                let code = error.code().map_or("", |code| code.code());
                (!probe.refused.contains(&code))
                    .then(|| format!("it failed otherwise than expected: {code} {:?}", error.as_db_error()))
            }
            _ => None,
        }
    }
}

fn answer(messages: &[SimpleQueryMessage]) -> String {
    let mut text = String::new();
    for message in messages {
        if let SimpleQueryMessage::Row(row) = message {
            (0..row.len()).filter_map(|column| row.get(column)).for_each(|value| text.push_str(value));
        }
    }
    text
}

/// Logging in elsewhere with the customer's password, or with more than it gives.
async fn connections(server: &Server, world: &World, violations: &mut Vec<String>) -> usize {
    let login = |change: &dyn Fn(&mut Config)| {
        let mut config = world.login.clone();
        change(&mut config);
        config
    };
    let sql = |database: &str| format!("{database}_sql");
    let (mut count, mut tries) = (0, Vec::new());
    for database in [&world.foreign, "postgres", "template0", "template1", "cloche_control", "cloche_template", "nowhere"] {
        tries.push((format!("the database {database}"), login(&|config| _ = config.dbname(database))));
    }
    // Those known by the user who connects are tried as another user of this machine.
    let password = String::from_utf8(world.login.get_password().unwrap().to_vec()).unwrap();
    let known = ["data", "owner", "platform"].map(|suffix| format!("{}_{suffix}", world.own));
    for user in known.into_iter().chain(["cloche_dump".into(), format!("{}_data", world.foreign)]) {
        for database in [&world.own, &world.foreign, "cloche_control"] {
            count += 1;
            if lets_in(server, &user, database, &password) {
                violations.push(format!("{}: the login {user} in {database}: it was let in", world.name));
            }
        }
    }
    for user in [sql(&world.foreign), "cloche_admin".into(), "cloche_owner".into(), "cloche_platform".into(), world.own.clone()] {
        tries.push((format!("the login {user}"), login(&|config| _ = config.user(&user))));
        for database in [&world.foreign, "cloche_control"] {
            tries.push((format!("the login {user} in {database}"), login(&|config| _ = config.user(&user).dbname(database))));
        }
    }
    for options in [
        "-c session_replication_role=replica",
        "-c role=cloche_platform",
        "-c role=cloche_admin",
        "-c log_statement=all",
        "-c session_authorization=cloche_admin",
        "-c session_preload_libraries=evil",
        "-c allow_system_table_mods=on",
    ] {
        tries.push((format!("the options {options}"), login(&|config| _ = config.options(options))));
    }
    tries.push(("no password".into(), login(&|config| _ = config.password(""))));
    count += tries.len();
    for (what, config) in tries {
        if config.connect(NoTls).await.is_ok() {
            violations.push(format!("{}: {what}: it was let in", world.name));
        }
    }
    count
}

async fn attack(server: &Server, world: &World, violations: &mut Vec<String>) -> usize {
    let mut tries = connections(server, world, violations).await;
    let mut before = world.state().await;
    for (group, probes) in [
        ("roles", ROLES),
        ("server", SERVER),
        ("settings", SETTINGS),
        ("functions", FUNCTIONS),
        ("catalogs", CATALOGS),
        ("looking", LOOKING),
    ] {
        for probe in probes {
            tries += 1;
            if let Some(problem) = world.attempt(probe).await {
                violations.push(format!("{}: {group}: {}: {problem}", world.name, probe.name));
            }
            world.cleaner.batch_execute(CLEAN).await.unwrap();
            if full() {
                changed(world, &mut before, &format!("{group}: {}", probe.name), violations).await;
            }
        }
        changed(world, &mut before, group, violations).await;
    }
    tries
}

/// Notes what is not as it was. Each change is told once.
async fn changed(world: &World, before: &mut Vec<String>, what: &str, violations: &mut Vec<String>) {
    let after = world.state().await;
    if after != *before {
        let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        violations.push(format!("{}: {what}: it changed what is not the customer's: {gone:?}, now {new:?}", world.name));
        *before = after;
    }
}

#[tokio::test]
async fn the_customers_sql_login_gets_nowhere() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let other = project(&owner, "other").await;
    owner.must("applyDefinitions", json!({ "environmentId": other.id, "files": blog_files() })).await;
    for environment in [&root, &other] {
        let variables = json!([{ "name": "MARKER", "value": MARKER }]);
        owner.must("setVariables", json!({ "environmentId": environment.id, "variables": variables })).await;
        server.api(&environment.secret).make("authors", &json!({ "handle": "x", "name": "X" })).await;
    }
    let options = |strategy: &str| json!({ "strategy": strategy, "copyEnvironmentVariables": true });
    let instant = Environment::of(&branch(&owner, &root.project, "dev", "instant", options("INSTANT")).await);
    let restored = Environment::of(&branch(&owner, &root.project, "dev", "restored", options("SNAPSHOT")).await);
    for foreign in [&other, &root] {
        server.api(&foreign.secret).make("authors", &json!({ "handle": MARKER, "name": MARKER })).await;
    }
    let (mut tries, mut violations) = (0, Vec::new());
    for (name, own, foreign) in [("created", &root, &other), ("instant copy", &instant, &root), ("restored", &restored, &root)] {
        let world = World::new(&server, name, own, foreign).await;
        tries += attack(&server, &world, &mut violations).await;
    }
    report("sql", What::Crossings, tries, &violations);
}
