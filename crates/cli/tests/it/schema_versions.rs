//! Environments that an older server made: their schema `cloche` is brought up to date before anything uses it.

use serde_json::json;
use tokio_postgres::Client;

use crate::harness::{Server, signal, until};
use crate::world::{Environment, blog, branch, control, count, database_of, superuser};

/// All that the first migration made.
const FIRST: &str = "('definitions', 'revisions', 'variables', 'migrations', 'table_access', 'deployed', 'record_revision')";

/// Takes an environment back to how the first release made it, as a superuser, and has the server forget what its keys told of it.
async fn downgrade(server: &Server, environment: &str) -> Client {
    let client = superuser(server, &database_of(server, environment).await).await;
    let later = format!(
        "SELECT format('DROP %s cloche.%I CASCADE', CASE relkind WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END, relname) FROM pg_class
         WHERE relnamespace = 'cloche'::regnamespace AND relkind IN ('r', 'v') AND relname NOT IN {FIRST}
         UNION ALL SELECT format('DROP FUNCTION %s CASCADE', oid::regprocedure) FROM pg_proc
         WHERE pronamespace = 'cloche'::regnamespace AND proname NOT IN {FIRST}"
    );
    let dropped = client.query(&later, &[]).await.unwrap();
    assert!(!dropped.is_empty(), "there is one migration alone, and nothing to bring up to date");
    for row in dropped {
        // A view of a table that has been dropped is gone already.
        let statement: String = row.get(0);
        client.batch_execute(&statement.replacen(" cloche.", " IF EXISTS cloche.", 1)).await.unwrap();
    }
    client.batch_execute("DELETE FROM cloche.migrations WHERE version > 1").await.unwrap();
    let set = format!("UPDATE environments SET schema_version = 1 WHERE id = '{environment}'");
    assert_eq!(control(server).await.execute(&set, &[]).await.unwrap(), 1);
    for mutation in ["pauseEnvironment", "resumeEnvironment"] {
        server.owner().must(mutation, json!({ "environmentId": environment })).await;
    }
    client
}

/// What the control database says, and how many migrations have run in truth.
async fn versions(server: &Server, environment: &str) -> (i32, i64) {
    let told = format!("SELECT schema_version FROM environments WHERE id = '{environment}'");
    let told = control(server).await.query_one(&told, &[]).await.unwrap().get(0);
    let client = superuser(server, &database_of(server, environment).await).await;
    (told, client.query_one("SELECT count(*) FROM cloche.migrations", &[]).await.unwrap().get(0))
}

/// What is in schema `cloche`, with its owners and grants.
async fn objects(server: &Server, environment: &str) -> Vec<String> {
    let client = superuser(server, &database_of(server, environment).await).await;
    let sql = "SELECT concat_ws(' ', relkind, relname, relowner::regrole, relacl) FROM pg_class
               WHERE relnamespace = 'cloche'::regnamespace
               UNION ALL SELECT concat_ws(' ', oid::regprocedure, proowner::regrole, proacl) FROM pg_proc
               WHERE pronamespace = 'cloche'::regnamespace ORDER BY 1";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn the_first_request_brings_an_environment_up_to_date() {
    let server = Server::start();
    let root = blog(&server).await;
    let (newest, before) = (versions(&server, &root.id).await, objects(&server, &root.id).await);
    assert_eq!(i64::from(newest.0), newest.1, "a new environment has all there are");
    downgrade(&server, &root.id).await;
    assert_eq!(versions(&server, &root.id).await, (1, 1));
    // Many at once: it is done by one, and all are answered.
    let api = server.api(&root.secret);
    let answers = futures_util::future::join_all((0..20).map(|_| count(&api, "posts"))).await;
    assert_eq!(answers, [3; 20]);
    assert_eq!(versions(&server, &root.id).await, newest);
    assert_eq!(objects(&server, &root.id).await, before, "what was migrated is what is made anew");

    // What a newer server has added is no reason to refuse.
    let client = superuser(&server, &database_of(&server, &root.id).await).await;
    client.batch_execute("INSERT INTO cloche.migrations VALUES (99, '0099_newer', 'of the future')").await.unwrap();
    let back = format!("UPDATE environments SET schema_version = 1 WHERE id = '{}'", root.id);
    control(&server).await.execute(&back, &[]).await.unwrap();
    let server = server.stop().start();
    assert_eq!(count(&server.api(&root.secret), "posts").await, 3);
}

#[tokio::test]
async fn a_branch_is_made_of_what_is_up_to_date() {
    let mut server = Server::start();
    let root = blog(&server).await;
    let newest = versions(&server, &root.id).await;
    for strategy in ["INSTANT", "SNAPSHOT"] {
        downgrade(&server, &root.id).await;
        let made = branch(&server.owner(), &root.project, "dev", strategy, json!({ "strategy": strategy })).await;
        let made = Environment::of(&made);
        assert_eq!(versions(&server, &made.id).await, newest, "{strategy}");
        assert_eq!(versions(&server, &root.id).await, newest, "{strategy}");
        assert_eq!(objects(&server, &made.id).await, objects(&server, &root.id).await, "{strategy}");
        assert_eq!(count(&server.api(&made.secret), "posts").await, 3);
        // A server does it once in its life; the next downgrade needs another.
        server = server.stop().start();
    }
}

#[tokio::test]
async fn managing_an_environment_brings_it_up_to_date() {
    let server = Server::start();
    let root = blog(&server).await;
    let newest = versions(&server, &root.id).await;
    downgrade(&server, &root.id).await;
    let variables = json!([{ "name": "COLOUR", "value": "green" }]);
    server.owner().must("setVariables", json!({ "environmentId": root.id, "variables": variables })).await;
    assert_eq!(versions(&server, &root.id).await, newest);
}

#[tokio::test]
async fn what_nobody_uses_is_brought_up_to_date_after_a_start_and_a_kill_in_the_middle_leaves_it_whole() {
    let server = Server::start();
    let root = blog(&server).await;
    let (newest, before) = (versions(&server, &root.id).await, objects(&server, &root.id).await);
    let client = downgrade(&server, &root.id).await;
    // The migration stands still after its first tables are made, until it is killed.
    client
        .batch_execute(
            "CREATE FUNCTION linger() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
                 IF (SELECT count(*) FROM pg_class WHERE relnamespace = 'cloche'::regnamespace AND relkind = 'r') > 6 THEN
                     PERFORM pg_sleep(20);
                 END IF;
             END $$;
             GRANT EXECUTE ON FUNCTION linger() TO PUBLIC;
             CREATE EVENT TRIGGER linger ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION linger()",
        )
        .await
        .unwrap();
    drop(client);
    let asking = tokio::spawn({
        let api = server.api(&root.secret);
        async move { api.try_send("GET", "/v1/data/posts", None).await.is_err() }
    });
    let watcher = control(&server).await;
    let lingering = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname LIKE 'ce\\_%'";
    until("the migration is in its middle", async || watcher.query_opt(lingering, &[]).await.unwrap()).await;
    signal(server.pid(), "KILL");
    let server = server.wait_for_death().await.start();
    assert!(asking.await.unwrap(), "nobody was answered from the middle of it");
    // The start's own look may linger now in turn.
    let client = superuser(&server, &database_of(&server, &root.id).await).await;
    client.batch_execute("SET lock_timeout = '30s'; DROP EVENT TRIGGER linger; DROP FUNCTION linger()").await.unwrap();
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
    client.execute(ended, &[]).await.unwrap();
    let (told, ran) = versions(&server, &root.id).await;
    assert!(i64::from(told) <= ran, "{told} {ran}");

    let server = server.stop().start();
    until("the environment is brought up to date without being asked for", async || {
        (versions(&server, &root.id).await == newest).then_some(())
    })
    .await;
    assert_eq!(objects(&server, &root.id).await, before);
    assert_eq!(count(&server.api(&root.secret), "posts").await, 3);
}
