//! Code that a customer plants to be run by somebody mightier: by the platform while it serves, plans, copies, compares or restores,
//! and by PostgreSQL's own housekeeping. What it is run as is written down by the code itself; what it gained is looked for after.

use std::collections::BTreeSet;

use serde_json::json;

use super::{What, report};
use crate::harness::{Server, until};
use crate::world::{Environment, blog, blog_files, branch, customer, database_of, superuser};

/// Each object calls `grab()`, which tries to make its owner mighty, and writes down in PostgreSQL's log who has run it: the one place
/// that a transaction which changes nothing, or is rolled back, can write to.
const GRAB: &str = r"
CREATE FUNCTION public.take(place text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE theft text; got text := ''; acting text := current_setting('role');
BEGIN
    FOREACH theft IN ARRAY ARRAY[
        'RESET ROLE', 'RESET SESSION AUTHORIZATION',
        'ALTER ROLE {own}_sql SUPERUSER', 'ALTER ROLE {own}_sql BYPASSRLS', 'GRANT cloche_platform TO {own}_sql',
        'GRANT pg_read_all_data TO {own}_sql', 'GRANT {foreign} TO {own}_sql', 'ALTER ROLE {foreign}_sql PASSWORD ''stolen''',
        'ALTER ROLE cloche_dump PASSWORD ''stolen''', 'ALTER ROLE {foreign}_data SET search_path = evil', 'CREATE ROLE evil SUPERUSER LOGIN',
        'ALTER SYSTEM SET log_statement = ''all''', 'COPY (SELECT 1) TO PROGRAM ''touch /tmp/evil''',
        'GRANT CONNECT ON DATABASE {foreign} TO PUBLIC', 'ALTER DATABASE {foreign} ALLOW_CONNECTIONS false',
        'SET ROLE cloche_admin', 'SET SESSION AUTHORIZATION cloche_admin', 'CREATE EXTENSION dblink',
        'GRANT ALL ON ALL TABLES IN SCHEMA cloche TO {own}_sql',
        'ALTER TABLE cloche.variables OWNER TO cloche_owner', 'UPDATE cloche.variables SET sealed = ''x''', 'DELETE FROM cloche.revisions'
    ] LOOP
        BEGIN
            EXECUTE theft;
            IF theft !~ '^RESET' THEN got := got || theft || '; '; END IF;
        EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP;
    -- So that what follows in the session goes on as it began.
    BEGIN PERFORM pg_catalog.set_config('role', acting, false); EXCEPTION WHEN OTHERS THEN NULL; END;
    RAISE LOG 'loot|%|%|%|', place, session_user, got;
    RETURN true;
END $$;
-- What claims to be immutable may not write; what it calls may.
CREATE FUNCTION public.grab(place text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.take(place); END $$;
GRANT EXECUTE ON FUNCTION public.take(text), public.grab(text) TO PUBLIC, cloche_dump, cloche_platform";

/// What is planted. Each runs `grab` wherever PostgreSQL lets it.
const PLANTS: &[(&str, &str)] = &[
    ("a check", "CREATE TABLE p1 (a int CHECK (public.grab('check'))); INSERT INTO p1 VALUES (1)"),
    ("a domain", "CREATE DOMAIN p2 AS int CHECK (public.grab('domain')); CREATE TABLE p2_t (a p2); INSERT INTO p2_t VALUES (1)"),
    ("a generated column", "CREATE TABLE p3 (a int, b boolean GENERATED ALWAYS AS (public.grab('generated')) STORED); INSERT INTO p3 VALUES (1)"),
    ("a virtual column", "CREATE TABLE p4 (a int); ALTER TABLE p4 ADD COLUMN b boolean DEFAULT public.grab('added default')"),
    ("a default", "CREATE TABLE p5 (a int, b boolean DEFAULT public.grab('default')); INSERT INTO p5 (a) VALUES (1)"),
    ("an index", "CREATE TABLE p6 (a int); INSERT INTO p6 VALUES (1); CREATE INDEX ON p6 ((public.grab('index')))"),
    ("a partial index", "CREATE TABLE p7 (a int); INSERT INTO p7 VALUES (1); CREATE INDEX ON p7 (a) WHERE public.grab('partial index')"),
    ("an exclusion", "CREATE TABLE p8 (a int, EXCLUDE USING btree ((public.grab('exclusion')) WITH =)); INSERT INTO p8 VALUES (1)"),
    ("a materialized view", "CREATE MATERIALIZED VIEW p9 AS SELECT public.grab('materialized view') AS a"),
    ("an index on a materialized view", "CREATE MATERIALIZED VIEW p10 AS SELECT 1 AS a; CREATE INDEX ON p10 ((public.grab('index on view')))"),
    ("a view", "CREATE VIEW p11 AS SELECT public.grab('view') AS a"),
    ("a policy", "CREATE TABLE p12 (a int); INSERT INTO p12 VALUES (1); ALTER TABLE p12 ENABLE ROW LEVEL SECURITY; ALTER TABLE p12 FORCE ROW LEVEL SECURITY;
                  CREATE POLICY p ON p12 TO PUBLIC USING (public.grab('policy'))"),
    ("a trigger", "CREATE TABLE p13 (a int); CREATE FUNCTION p13() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('trigger'); RETURN NEW; END $$;
                   CREATE TRIGGER p BEFORE INSERT ON p13 FOR EACH ROW EXECUTE FUNCTION p13(); INSERT INTO p13 VALUES (1)"),
    ("a trigger of a statement", "CREATE TABLE p14 (a int); CREATE FUNCTION p14() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('statement'); RETURN NULL; END $$;
                   CREATE TRIGGER p AFTER INSERT OR TRUNCATE ON p14 EXECUTE FUNCTION p14(); ALTER TABLE p14 ENABLE ALWAYS TRIGGER p; INSERT INTO p14 VALUES (1)"),
    ("a deferred trigger", "CREATE TABLE p15 (a int); CREATE FUNCTION p15() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('deferred'); RETURN NULL; END $$;
                   CREATE CONSTRAINT TRIGGER p AFTER INSERT ON p15 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION p15(); INSERT INTO p15 VALUES (1)"),
    ("a rule", "CREATE TABLE p16 (a int); CREATE RULE r AS ON INSERT TO p16 DO ALSO SELECT public.grab('rule'); INSERT INTO p16 VALUES (1)"),
    ("statistics", "CREATE TABLE p17 (a int); INSERT INTO p17 SELECT generate_series(1, 200); CREATE STATISTICS p17_s ON (public.grab('statistics')), a FROM p17; ANALYZE p17"),
    ("a partition", "CREATE TABLE p18 (a int) PARTITION BY RANGE ((CASE WHEN public.grab('partition') THEN a END)); CREATE TABLE p18_1 PARTITION OF p18 DEFAULT; INSERT INTO p18 VALUES (1)"),
    ("a cast", "CREATE TYPE p19 AS ENUM ('a'); CREATE FUNCTION p19_f(p19) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.grab('cast'); RETURN 'a'; END $$;
                CREATE CAST (p19 AS text) WITH FUNCTION p19_f(p19) AS IMPLICIT; CREATE TABLE p19_t (a p19); INSERT INTO p19_t VALUES ('a')"),
    ("a comparison", "CREATE TYPE p20 AS (a int); CREATE FUNCTION p20_lt(p20, p20) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM public.grab('operator'); RETURN false; END $$;
                CREATE OPERATOR < (LEFTARG = p20, RIGHTARG = p20, FUNCTION = p20_lt)"),
    ("an aggregate", "CREATE FUNCTION p21_f(bigint, anyelement) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('aggregate'); RETURN 1; END $$;
                CREATE AGGREGATE public.count(anyelement) (SFUNC = p21_f, STYPE = bigint, INITCOND = '0')"),
    ("names of PostgreSQL's functions", "
        CREATE FUNCTION public.format(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('format'); RETURN ''; END $$;
        CREATE FUNCTION public.format(text, text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('format'); RETURN ''; END $$;
        CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('now'); RETURN NULL; END $$;
        CREATE FUNCTION public.md5(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('md5'); RETURN ''; END $$;
        CREATE FUNCTION public.pg_get_expr(pg_node_tree, oid) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('pg_get_expr'); RETURN ''; END $$;
        CREATE FUNCTION public.pg_relation_size(oid) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('size'); RETURN 1; END $$;
        CREATE FUNCTION public.jsonb_array_elements(jsonb) RETURNS SETOF jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('jsonb'); END $$;
        CREATE FUNCTION public.pg_export_snapshot() RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('snapshot'); RETURN ''; END $$;
        CREATE FUNCTION public.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('set_config'); RETURN ''; END $$;
        CREATE FUNCTION public.json_agg(text) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('json_agg'); RETURN '[]'; END $$"),
    ("better fitting operators", "
        CREATE FUNCTION p23_nt(name, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('name = text'); RETURN false; END $$;
        CREATE OPERATOR public.= (LEFTARG = name, RIGHTARG = text, FUNCTION = p23_nt);
        CREATE FUNCTION p23_tv(text, varchar) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('text = varchar'); RETURN false; END $$;
        CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = varchar, FUNCTION = p23_tv);
        CREATE FUNCTION p23_cv(\"char\", text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('char = text'); RETURN false; END $$;
        CREATE OPERATOR public.= (LEFTARG = \"char\", RIGHTARG = text, FUNCTION = p23_cv);
        CREATE OPERATOR public.<> (LEFTARG = \"char\", RIGHTARG = text, FUNCTION = p23_cv);
        CREATE FUNCTION p23_bt(text, bytea) RETURNS text LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('text || bytea'); RETURN ''; END $$;
        CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = bytea, FUNCTION = p23_bt);
        CREATE FUNCTION p23_ut(uuid, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('uuid = text'); RETURN false; END $$;
        CREATE OPERATOR public.= (LEFTARG = uuid, RIGHTARG = text, FUNCTION = p23_ut)"),
    ("tables and views by the platform's names", "CREATE TABLE variables (name text, sealed bytea, updated_at timestamptz); CREATE TABLE definitions (kind text, name text, spec jsonb);
        CREATE TABLE revisions (id uuid); CREATE VIEW table_access AS SELECT public.grab('table_access') AS name;
        CREATE VIEW access_rules AS SELECT public.grab('access_rules') AS kind; CREATE VIEW deployed AS SELECT public.grab('deployed') AS kind;
        CREATE FUNCTION public.record_revision(uuid, text, jsonb, jsonb, jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM public.grab('record_revision'); END $$"),
    ("a definer's function", "CREATE FUNCTION p25() RETURNS boolean LANGUAGE sql SECURITY DEFINER AS $$ SELECT public.grab('definer') $$; GRANT EXECUTE ON FUNCTION p25() TO PUBLIC;
        CREATE VIEW p25_v AS SELECT p25() AS a"),
    ("a foreign key's action", "CREATE TABLE p26 (a int PRIMARY KEY); CREATE TABLE p26_c (a int REFERENCES p26 ON DELETE CASCADE); CREATE FUNCTION p26_f() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM public.grab('cascade'); RETURN OLD; END $$; CREATE TRIGGER p BEFORE DELETE ON p26_c FOR EACH ROW EXECUTE FUNCTION p26_f()"),
    ("names that are SQL", "CREATE TABLE \"x\"\"; SELECT public.grab('table name'); --\" (\"a'; SELECT public.grab('column name'); --\" int); INSERT INTO \"x\"\"; SELECT public.grab('table name'); --\" VALUES (1);
        COMMENT ON TABLE \"x\"\"; SELECT public.grab('table name'); --\" IS '''; SELECT public.grab(''comment''); --'; CREATE SEQUENCE \"s\"\"; SELECT public.grab('sequence name'); --\""),
    ("names with line breaks", "CREATE TABLE \"n\n; SELECT public.grab('line break'); \n\\! touch /tmp/evil\n\" (a int)"),
];

/// The same in definition files, whose statements the platform runs itself. A materialized view runs as it is made.
const DEFINED: &[(&str, &str)] = &[
    ("views/d1.yaml", "query: select public.grab('defined view') as a"),
    ("views/d2.yaml", "query: select public.grab('defined materialized view') as a\nmaterialized: true"),
    ("views/d3.yaml", "query: select d4() as a\nsecurity_invoker: true"),
    ("functions/d4.yaml", "returns: boolean\nvolatility: immutable\nbody: select public.grab('defined function')"),
    (
        "functions/d5.yaml",
        "arguments: { a: { type: boolean, default: public.grab('defined argument') } }\nreturns: boolean\nlanguage: plpgsql\nbody: begin return a; end",
    ),
    (
        "tables/d6.yaml",
        "columns: { a: { type: int, default: '1' }, b: { type: boolean, default: d4() } }\nchecks: { c: \"d4()\" }\nindexes: [{ columns: ['(d4())'] }]",
    ),
];

/// Everything the administrator can see gained: as one text, to be the same before and after.
async fn power(server: &Server) -> Vec<String> {
    let admin = superuser(server, "postgres").await;
    let sql = "SELECT format('%s %s %s %s %s %s', rolname, rolsuper, rolcreaterole, rolbypassrls, rolcanlogin, rolpassword) FROM pg_authid
               WHERE rolname !~ '^ce_' OR rolsuper OR rolbypassrls OR rolcreaterole
               UNION ALL SELECT format('%s in %s', member::regrole, roleid::regrole) FROM pg_auth_members
               WHERE roleid::regrole::text !~ '^(ce_|cloche_(owner|data|platform|migrate))' OR (member::regrole::text ~ '_sql$' AND roleid::regrole::text ~ 'platform|migrate')
               UNION ALL SELECT format('%s %s', name, setting) FROM pg_file_settings
               UNION ALL SELECT format('%s %s', extname, extowner) FROM pg_extension ORDER BY 1";
    admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// Where the planted code has run, as whom, and what it got.
fn loot(log: &str) -> BTreeSet<(String, String, String)> {
    let lines = log.lines().filter_map(|line| line.split_once("loot|")).map(|(_, line)| line.split('|').collect::<Vec<_>>());
    let without_name = |login: &str| login.get(36..).filter(|_| login.starts_with("ce_")).unwrap_or(login).to_owned();
    lines.filter(|parts| parts.len() > 2).map(|parts| (parts[0].into(), without_name(parts[1]), parts[2].into())).collect()
}

#[tokio::test]
async fn code_that_a_customer_plants_runs_as_nobody_mighty() {
    let server = Server::start();
    let owner = server.owner();
    let (root, other) = (blog(&server).await, crate::world::project(&owner, "other").await);
    let (own, foreign) = (database_of(&server, &root.id).await, database_of(&server, &other.id).await);
    let variables = json!([{ "name": "KEY", "value": "value" }]);
    owner.must("setVariables", json!({ "environmentId": root.id, "variables": variables })).await;
    let before = power(&server).await;
    let sql = customer(&owner, &root.id).await;
    sql.batch_execute(&GRAB.replace("{own}", &own).replace("{foreign}", &foreign)).await.unwrap();
    let mut violations = Vec::new();
    for (what, plant) in PLANTS {
        if let Err(error) = sql.batch_execute(plant).await {
            violations.push(format!("{what} could not be planted, so it has shown nothing: {:?}", error.as_db_error()));
        }
    }
    // What it is planted for: everything the platform does with an environment.
    let mut reached = vec![root.clone()];
    drop(sql);
    for (name, strategy, mode) in [("snapshot", "SNAPSHOT", "full"), ("system", "AUTO", "system")] {
        let more = json!({ "strategy": strategy, "mode": mode, "copyEnvironmentVariables": true });
        reached.push(Environment::of(&branch(&owner, &root.project, "dev", name, more).await));
    }
    until("the customer has gone", async || {
        let input = json!({ "projectId": root.project, "name": "instant", "sourceEnvironment": "dev", "mode": "full", "strategy": "INSTANT" });
        let payload = owner.try_to("branchEnvironment", input).await;
        (payload["success"] == true).then(|| reached.push(Environment::of(&payload)))
    })
    .await;
    for environment in &reached {
        owner.try_to("applyDefinitions", json!({ "environmentId": environment.id, "files": blog_files(), "dryRun": true })).await;
        owner.try_to("applyDefinitions", json!({ "environmentId": environment.id, "files": blog_files() })).await;
        let defined = DEFINED.iter().map(|(path, content)| json!({ "path": path, "content": content }));
        let files: serde_json::Value = blog_files().as_array().unwrap().iter().cloned().chain(defined).collect();
        let applied = owner.try_to("applyDefinitions", json!({ "environmentId": environment.id, "files": files })).await;
        if applied["success"] != true {
            violations.push(format!("what is planted in definitions could not be applied, so it has shown nothing: {applied}"));
        }
        owner.try_to("setVariables", json!({ "environmentId": environment.id, "variables": variables })).await;
        let reveal = "query($e: String!) { variables(environmentId: $e, reveal: true) { name value } definitions(environmentId: $e) { name } }";
        owner.ask(reveal, json!({ "e": environment.id })).await;
        let api = server.api(&environment.secret);
        for table in
            ["p1", "p3", "p5", "p11", "p12", "p13", "p16", "p19_t", "p25_v", "d1", "d2", "d3", "d6", "posts", "table_access"]
        {
            api.get(&format!("/v1/data/{table}")).await;
            api.post(&format!("/v1/data/{table}"), &json!({ "a": 2 })).await;
        }
        // As PostgreSQL's own housekeeping does, by the mightiest login there is.
        let admin = superuser(&server, &database_of(&server, &environment.id).await).await;
        admin.batch_execute("VACUUM ANALYZE").await.unwrap();
        for relation in ["p6", "p7", "p8", "p10", "p18"] {
            let _ = admin.batch_execute(&format!("REINDEX TABLE public.{relation}")).await;
        }
        owner.must("pauseEnvironment", json!({ "environmentId": environment.id })).await;
        owner.must("resumeEnvironment", json!({ "environmentId": environment.id })).await;
    }
    // The erasing of a source runs statements of the administrator in what was copied from it.
    for environment in reached.iter().skip(1) {
        owner.must("deleteEnvironment", json!({ "environmentId": environment.id, "purge": true })).await;
    }
    let after = power(&server).await;
    if after != before {
        violations.push(format!("somebody is mightier than before: {before:?}, now {after:?}"));
    }
    if std::path::Path::new("/tmp/evil").exists() {
        violations.push("a program was run, or a file written".into());
    }
    let loot = loot(&server.log());
    for (place, login, got) in &loot {
        // What reads everything, and PostgreSQL's housekeeping in this test, run some of it: they must give nothing away.
        if !matches!(login.as_str(), "sql" | "data" | "owner" | "cloche_dump" | "cloche_admin") {
            violations.push(format!("{place}: run as {login}"));
        }
        if !got.is_empty() {
            violations.push(format!("{place}, run as {login}, got: {got}"));
        }
    }
    for login in ["sql", "data", "owner", "cloche_dump"] {
        assert!(loot.iter().any(|(_, by, _)| by == login), "nothing that was planted was run by {login}: {loot:#?}");
    }
    for (place, by) in [("defined materialized view", "owner"), ("defined view", "data"), ("defined function", "data")] {
        assert!(loot.iter().any(|(at, login, _)| at == place && login == by), "{place} was not run by {by}: {loot:#?}");
    }
    report("planted", What::Crossings, (PLANTS.len() + DEFINED.len()) * reached.len(), &violations);
}
