//! Connections that somebody has left something on: taken again, they are as they were.
//!
//! A trigger runs what a request gives it, as the login of the data plane. Then the state is read through HTTP again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{What, report};
use crate::client::Api;
use crate::harness::{Server, until};
use crate::world::{Environment, blog, customer, project};

/// `state()` tells all that can stick to a session; a row of `poison` runs its code and keeps the state that came of it.
const LABORATORY: &str = r"
CREATE FUNCTION public.state() RETURNS json LANGUAGE plpgsql AS $$
DECLARE last text;
BEGIN
    BEGIN last := pg_catalog.lastval()::text; EXCEPTION WHEN OTHERS THEN last := ''; END;
    RETURN pg_catalog.json_build_object(
        'pid', pg_catalog.pg_backend_pid(), 'user', current_user, 'session user', session_user, 'last value', last,
        'own setting', coalesce(pg_catalog.current_setting('app.tenant', true), ''),
        'settings', (SELECT pg_catalog.json_object_agg(s.name, s.setting ORDER BY s.name) FROM pg_catalog.pg_settings s),
        'temporary', ARRAY(SELECT c.relname::text FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()
            UNION ALL SELECT p.proname::text FROM pg_catalog.pg_proc p WHERE p.pronamespace OPERATOR(pg_catalog.=) pg_catalog.pg_my_temp_schema()),
        'prepared', ARRAY(SELECT p.statement FROM pg_catalog.pg_prepared_statements p),
        'cursors', ARRAY(SELECT c.statement FROM pg_catalog.pg_cursors c WHERE c.is_holdable),
        'locks', (SELECT pg_catalog.count(*) FROM pg_catalog.pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_catalog.pg_backend_pid()),
        'listening', ARRAY(SELECT pg_catalog.pg_listening_channels()));
END $$;
CREATE VIEW public.session AS SELECT public.state() AS state;
CREATE TABLE public.poison (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL, state json);
CREATE FUNCTION public.swallow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN EXECUTE NEW.code; NEW.state := public.state(); RETURN NEW; END $$;
CREATE TRIGGER swallow BEFORE INSERT ON public.poison FOR EACH ROW EXECUTE FUNCTION public.swallow()";

/// Each leaves something behind where nobody cleans up.
const POISONS: &[&str] = &[
    "SET search_path = evil, public",
    "SET search_path = pg_temp, public, pg_catalog",
    "SELECT set_config('search_path', 'evil', false)",
    "SET client_encoding = 'LATIN1'",
    "SET ROLE cloche_data",
    "SELECT set_config('role', 'cloche_data', false)",
    "SET TimeZone = 'Asia/Tokyo'",
    "SET DateStyle = 'German, DMY'",
    "SET IntervalStyle = 'iso_8601'",
    "SET bytea_output = 'escape'",
    "SET extra_float_digits = -10",
    "SET statement_timeout = '7s'",
    "SET lock_timeout = '1ms'",
    "SET idle_in_transaction_session_timeout = '1ms'",
    "SET idle_session_timeout = '1h'",
    "SET transaction_timeout = '1h'",
    "SET default_transaction_read_only = on",
    "SET default_transaction_isolation = 'serializable'",
    "SET default_transaction_deferrable = on",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    "SET row_security = off",
    "SET standard_conforming_strings = off",
    "SET backslash_quote = off",
    "SET transform_null_equals = on",
    "SET quote_all_identifiers = on",
    "SET check_function_bodies = off",
    "SET plan_cache_mode = 'force_generic_plan'",
    "SET enable_seqscan = off",
    "SET jit = on",
    "SET work_mem = '64kB'",
    "SET temp_tablespaces = pg_default",
    "SET default_tablespace = pg_default",
    "SET synchronous_commit = off",
    "SET client_min_messages = debug5",
    "SET application_name = ''",
    "SET xmloption = document",
    "SET lc_numeric = 'POSIX'",
    "SET array_nulls = off",
    "SET default_text_search_config = 'simple'",
    "SET exit_on_error = on",
    "SET stats_fetch_consistency = none",
    "SET app.tenant = 'somebody'",
    "SELECT set_config('app.tenant', 'somebody', false)",
    "CREATE TEMP TABLE posts (id int)",
    "CREATE TEMP TABLE authors ON COMMIT PRESERVE ROWS AS SELECT 'stolen'::text AS name",
    "CREATE TEMP VIEW comments AS SELECT 1 AS id",
    "CREATE TEMP SEQUENCE counter",
    "CREATE FUNCTION pg_temp.now() RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    "CREATE TYPE pg_temp.mood AS ENUM ('sad')",
    "CREATE TEMP TABLE pg_class (a int)",
    "PREPARE evil AS SELECT 1",
    "PREPARE s0 AS SELECT 'stolen'",
    "DECLARE evil CURSOR WITH HOLD FOR SELECT * FROM authors",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_advisory_lock_shared(2, 3)",
    "SELECT pg_try_advisory_lock(hashtext('cloche'))",
    "LISTEN evil",
    "SELECT nextval('comments_id_seq')",
    "SET TimeZone = 'Asia/Tokyo'; SET search_path = evil; CREATE TEMP TABLE posts (id int); SELECT pg_advisory_lock(9); LISTEN evil",
];

/// Fail on the way, after having left something.
const BREAKING: &[&str] = &[
    "SET TimeZone = 'Asia/Tokyo'; SELECT 1 / 0",
    "SELECT pg_advisory_lock(5); SELECT * FROM nowhere",
    "CREATE TEMP TABLE posts (id int); RAISE",
    "LISTEN evil; DO 'BEGIN RAISE EXCEPTION USING ERRCODE = ''57014''; END'",
    "SELECT pg_advisory_lock(6); SELECT pg_terminate_backend(pg_backend_pid())",
    "SELECT pg_advisory_lock(7); SELECT pg_cancel_backend(pg_backend_pid()); SELECT pg_sleep(5)",
    "COMMIT",
    "BEGIN; SET LOCAL TimeZone = 'Asia/Tokyo'",
    "PREPARE TRANSACTION 'evil'",
    "SET SESSION AUTHORIZATION cloche_admin",
    "SET ROLE cloche_platform",
    "SET ROLE {own}",
    "SET plpgsql.variable_conflict = 'use_variable'",
];

/// An environment with the laboratory in it.
struct Patient {
    secret: Api,
    publishable: Api,
    pids: BTreeSet<u64>,
    sober: Value,
    lane: String,
}

const LANE: &str = "/v1/data/authors?select=id,name,created_at&order=id";

impl Patient {
    async fn new(server: &Server, environment: &Environment) -> Self {
        let sql = customer(&server.owner(), &environment.id).await;
        sql.batch_execute(LABORATORY).await.unwrap();
        let (secret, publishable) = (server.api(&environment.secret), server.api(&environment.publishable));
        // The schema is read again at most once a second.
        until("the laboratory is known", async || (secret.get("/v1/data/session").await.status == 200).then_some(())).await;
        let lane = publishable.get(LANE).await;
        assert_eq!(lane.status, 200, "{}", lane.text);
        let mut patient = Self { secret, publishable, pids: BTreeSet::new(), sober: Value::Null, lane: lane.text };
        patient.sober = patient.look().await;
        patient
    }

    /// The state of the session that the next request gets.
    async fn look(&mut self) -> Value {
        let mut state = self.secret.rows("/v1/data/session").await[0]["state"].take();
        self.pids.insert(state["pid"].take().as_u64().unwrap());
        state
    }

    /// What is different from the first look, on a session and on a lane.
    async fn symptoms(&mut self) -> Option<String> {
        let state = self.look().await;
        let lane = self.publishable.get(LANE).await.text;
        if lane != self.lane {
            return Some(format!("a lane answers {lane}, and before {}", self.lane));
        }
        let differs = |old: &Value, new: &Value| -> Vec<String> {
            let fields =
                old.as_object().unwrap().iter().filter(|(name, value)| *name != "settings" && new[name.as_str()] != **value);
            fields.map(|(name, value)| format!("{name}: {value}, now {}", new[name.as_str()])).collect()
        };
        let mut different = differs(&self.sober, &state);
        different.extend(differs(&self.sober["settings"], &state["settings"]));
        (!different.is_empty()).then(|| different.join("; "))
    }
}

#[tokio::test]
async fn nothing_that_a_request_leaves_on_a_connection_is_met_by_the_next() {
    let server = Server::start();
    let root = blog(&server).await;
    let other = project(&server.owner(), "other").await;
    server.owner().must("applyDefinitions", json!({ "environmentId": other.id, "files": crate::world::blog_files() })).await;
    let own = crate::world::database_of(&server, &root.id).await;
    let (mut patient, mut neighbour) = (Patient::new(&server, &root).await, Patient::new(&server, &other).await);
    let (mut tries, mut violations) = (0, Vec::new());
    for (poison, breaks) in POISONS.iter().map(|code| (code, false)).chain(BREAKING.iter().map(|code| (code, true))) {
        tries += 1;
        let code = poison.replace("{own}", &own);
        let keeping = patient.secret.clone().header("prefer", "return=representation");
        let answer = keeping.post("/v1/data/poison?select=state", &json!({ "code": code })).await;
        if breaks {
            if answer.status < 400 {
                violations.push(format!("{poison}: it did not fail: {}", answer.text));
            }
        } else if answer.status == 201 {
            let mut state = answer.json()[0]["state"].take();
            patient.pids.insert(state["pid"].take().as_u64().unwrap());
            if state == patient.sober {
                violations.push(format!("{poison}: it had no effect, so it has shown nothing"));
            }
        } else {
            violations.push(format!("{poison}: it was not swallowed: {}", answer.text));
        }
        for (who, one) in [("the next request", &mut patient), ("another environment", &mut neighbour)] {
            if let Some(symptoms) = one.symptoms().await {
                violations.push(format!("{poison}: {who} meets {symptoms}"));
            }
        }
    }
    let shared: Vec<_> = patient.pids.intersection(&neighbour.pids).collect();
    if !shared.is_empty() {
        violations.push(format!("two environments were served by one connection: {shared:?}"));
    }
    assert!(patient.pids.len() < tries, "no connection was taken a second time");
    report("poison", What::Crossings, tries, &violations);
}
