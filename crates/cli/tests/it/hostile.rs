//! Tenants who try what they should not: each of these worked once, in a review or in a bad dream.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Server, postgres_bin, run_cli, until};
use crate::world::{Environment, blog, branch, connect_url, customer, database_of, member, project, superuser};

/// A trigger runs as the login of the data plane, which may change its own password and settings like any login.
const SPOILING_TRIGGER: &str = "
    CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        EXECUTE format('ALTER ROLE %I PASSWORD %L', session_user, 'stolen');
        EXECUTE format('ALTER ROLE %I SET default_transaction_read_only = on', session_user);
        RETURN NEW; END $$;
    CREATE TRIGGER spoil AFTER INSERT ON authors FOR EACH ROW EXECUTE FUNCTION spoil()";

#[tokio::test]
async fn a_trigger_cannot_take_over_or_spoil_the_login_it_runs_as() {
    let server = Server::start();
    let root = blog(&server).await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute(SPOILING_TRIGGER).await.unwrap();
    let api = server.api(&root.secret);
    api.make("authors", &json!({ "handle": "cy", "name": "Cy" })).await;
    sql.batch_execute("DROP TRIGGER spoil ON authors").await.unwrap();
    drop(sql);
    // A branch closes all connections of its source: what comes now logs in anew.
    until("the customer has gone", async || {
        let input = json!({ "projectId": root.project, "name": "copy", "sourceEnvironment": "dev", "mode": "full", "strategy": "INSTANT" });
        (server.owner().try_to("branchEnvironment", input).await["success"] == true).then_some(())
    })
    .await;
    api.make("authors", &json!({ "handle": "di", "name": "Di" })).await;

    let database = database_of(&server, &root.id).await;
    assert!(!lets_in(&server, &format!("{database}_data"), &database, "stolen"), "the stolen password opens the database");
}

/// PostgreSQL runs functions that claim to be immutable while it plans, such as those of a partial index when rows are counted.
const THIEVING_INDEX: &str = "
    CREATE FUNCTION take() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        PERFORM set_config('default_transaction_read_only', 'off', false);
        EXECUTE 'ALTER ROLE cloche_dump PASSWORD ''stolen''';
        RETURN true;
    EXCEPTION WHEN OTHERS THEN RETURN true; END $$;
    CREATE FUNCTION grab() RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN public.take(); END $$;
    GRANT EXECUTE ON FUNCTION take(), grab() TO cloche_dump;
    CREATE INDEX ON posts (slug) WHERE grab();
    CREATE INDEX ON authors (handle) WHERE grab()";

#[tokio::test]
async fn the_login_that_dumps_gives_no_password_away() {
    let server = Server::start();
    let (root, other) = (blog(&server).await, project(&server.owner(), "other").await);
    let sql = customer(&server.owner(), &root.id).await;
    let admin = superuser(&server, "postgres").await;
    let password = async || -> Option<String> {
        admin.query_one("SELECT rolpassword FROM pg_authid WHERE rolname = 'cloche_dump'", &[]).await.unwrap().get(0)
    };
    let before = password().await;
    sql.batch_execute(THIEVING_INDEX).await.unwrap();
    branch(&server.owner(), &root.project, "dev", "copy", json!({ "strategy": "SNAPSHOT" })).await;
    assert_eq!(password().await, before, "the customer has set the password of the login that reads everything");

    // And if somebody had, it would open nothing.
    admin.batch_execute("ALTER ROLE cloche_dump PASSWORD 'stolen'").await.unwrap();
    assert!(
        !lets_in(&server, "cloche_dump", &database_of(&server, &other.id).await, "stolen"),
        "the stolen password opens a database"
    );
}

#[tokio::test]
async fn a_function_for_everybody_is_one_in_a_snapshot_too() {
    let server = Server::start();
    let root = blog(&server).await;
    let sql = customer(&server.owner(), &root.id).await;
    let functions = "CREATE FUNCTION open() RETURNS int LANGUAGE sql AS 'SELECT 1'; GRANT EXECUTE ON FUNCTION open() TO PUBLIC;
                     CREATE FUNCTION shut() RETURNS int LANGUAGE sql AS 'SELECT 1'";
    sql.batch_execute(functions).await.unwrap();
    let copy = Environment::of(&branch(&server.owner(), &root.project, "dev", "copy", json!({ "strategy": "SNAPSHOT" })).await);
    let sql = customer(&server.owner(), &copy.id).await;
    sql.batch_execute("CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'SELECT 1'").await.unwrap();
    let open = "SELECT proname::text FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) AS a
                WHERE pronamespace = 'public'::regnamespace AND grantee = 0";
    let open: Vec<String> = sql.query(open, &[]).await.unwrap().iter().map(|row| row.get(0)).collect();
    assert_eq!(open, ["open"], "others than before are everybody's");
}

/// Whether a user of this machine who is not the server's gets in with a password.
pub(crate) fn lets_in(server: &Server, login: &str, database: &str, password: &str) -> bool {
    let facts: serde_json::Value =
        serde_json::from_slice(&std::fs::read(server.data_dir().join("postgres.json")).unwrap()).unwrap();
    let mut psql = std::process::Command::new("runuser");
    psql.args(["-u", "nobody", "--"]).arg(postgres_bin().join("psql"));
    psql.args(["-h", facts["socket_dir"].as_str().unwrap(), "-U", login, "-d", database, "-c", "SELECT 1"]);
    match psql.env("PGPASSWORD", password).current_dir("/").output() {
        Ok(output) => output.status.success(),
        Err(error) => {
            println!("skipped: runuser cannot be run ({error})");
            false
        }
    }
}

#[tokio::test]
async fn the_customers_functions_are_not_called_for_postgresqls_own() {
    let server = Server::start();
    let root = blog(&server).await;
    let sql = customer(&server.owner(), &root.id).await;
    sql.batch_execute(
        "CREATE TABLE caught (who text);
         CREATE FUNCTION obj_description(oid, text) RETURNS text LANGUAGE sql AS
             $$ INSERT INTO caught VALUES (session_user) RETURNING who $$;
         CREATE FUNCTION format_type(oid, bigint) RETURNS text LANGUAGE sql AS
             $$ INSERT INTO caught VALUES (session_user) RETURNING who $$",
    )
    .await
    .unwrap();
    let input = json!({ "environmentId": root.id, "files": crate::world::blog_files(), "dryRun": true });
    server.owner().must("applyDefinitions", input).await;
    branch(&server.owner(), &root.project, "dev", "copy", json!({ "strategy": "SNAPSHOT" })).await;
    assert_eq!(sql.query("SELECT who FROM caught", &[]).await.unwrap().len(), 0);
}

#[tokio::test]
async fn the_customer_cannot_break_what_only_the_platform_can_mend() {
    let server = Server::start();
    let root = blog(&server).await;
    let sql = customer(&server.owner(), &root.id).await;
    for statement in [
        "DROP SCHEMA public CASCADE",
        "SELECT lo_from_bytea(0, 'x')",
        "CREATE SCHEMA other",
        "SET ROLE cloche_platform",
        "SELECT * FROM cloche.variables",
        "ALTER ROLE cloche_data SUPERUSER",
        "ALTER SYSTEM SET fsync = off",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "CREATE EXTENSION vector",
        "CREATE EVENT TRIGGER t ON ddl_command_end EXECUTE FUNCTION now()",
    ] {
        assert!(sql.batch_execute(statement).await.is_err(), "{statement} worked");
    }
    assert_eq!(server.api(&root.publishable).get("/v1/data/posts").await.status, 200);
}

#[tokio::test]
async fn locks_of_one_tenant_are_no_matter_of_another() {
    let server = Server::start();
    let (here, there) = (blog(&server).await, project(&server.owner(), "other").await);
    let sql = customer(&server.owner(), &here.id).await;
    sql.batch_execute("CREATE VIEW v AS SELECT * FROM posts; BEGIN; LOCK TABLE posts, v IN ACCESS EXCLUSIVE MODE").await.unwrap();
    // Whether or not the locked one can be branched, the other can.
    let (owner, project) = (server.owner(), here.project.clone());
    let locked = tokio::spawn(async move {
        let input =
            json!({ "projectId": project, "name": "x", "sourceEnvironment": "dev", "mode": "full", "strategy": "INSTANT" });
        owner.try_to("branchEnvironment", input).await
    });
    branch(&server.owner(), &there.project, "dev", "copy", json!({ "strategy": "INSTANT" })).await;
    assert_eq!(locked.await.unwrap()["code"], "branch/source-busy");
    sql.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(server.api(&here.secret).get("/v1/data/posts").await.status, 200);

    // More locks than the server has room for in common: the session ends, the others go on.
    let hoard =
        sql.batch_execute("SELECT count(pg_advisory_lock(g)) FROM generate_series(1, 40000) g; SELECT pg_sleep(60)").await;
    assert!(hoard.is_err());
    branch(&server.owner(), &there.project, "dev", "copy2", json!({})).await;
}

#[tokio::test]
async fn a_slow_upload_does_not_keep_the_gate_open() {
    let server = Server::start();
    let root = blog(&server).await;
    let address = server.url.strip_prefix("http://").unwrap();
    let mut upload = TcpStream::connect(address).await.unwrap();
    let head =
        format!("POST /v1/data/comments HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Length: 100\r\n\r\n{{", root.publishable);
    upload.write_all(head.as_bytes()).await.unwrap();
    branch(&server.owner(), &root.project, "dev", "copy", json!({ "strategy": "INSTANT" })).await;
    upload.shutdown().await.unwrap();
    let mut answer = Vec::new();
    let _ = upload.read_to_end(&mut answer).await;
}

#[tokio::test]
async fn production_data_stays_with_those_who_may_read_it() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let prod = Environment::of(&branch(&owner, &root.project, "dev", "prod", json!({})).await);
    let developer = member(&server, "dev@example.com", Some((&root.project, "DEVELOPER"))).await;
    let admin = member(&server, "admin@example.com", Some((&root.project, "ADMIN"))).await;
    let copy =
        |name: &str, mode: &str| json!({ "projectId": root.project, "name": name, "sourceEnvironment": "prod", "mode": mode });
    assert_eq!(developer.forbidden("branchEnvironment", copy("steal", "full")).await, "auth/forbidden");
    developer.must("branchEnvironment", copy("shape", "system")).await;
    let made = Environment::of(&admin.must("branchEnvironment", copy("study", "full")).await);
    for environment in [&prod.id, &made.id] {
        let key = json!({ "environmentId": environment, "kind": "SECRET", "name": "mine" });
        assert_eq!(developer.forbidden("createApiKey", key).await, "auth/forbidden");
        let login = json!({ "environmentId": environment });
        assert_eq!(developer.forbidden("rotateDatabaseCredential", login).await, "auth/forbidden");
    }
    // The clock deletes neither production nor a root.
    let lease = |id: &str| json!({ "environmentId": id, "lease": "1s" });
    assert_eq!(owner.refused("renewLease", lease(&prod.id)).await, "environment/protected");
    assert_eq!(owner.refused("renewLease", lease(&root.id)).await, "environment/root");
    let input = json!({ "projectId": root.project, "name": "production", "lease": "1h" });
    assert_eq!(owner.refused("createEnvironment", input).await, "environment/protected");
}

#[tokio::test]
async fn a_delete_ends_the_sql_password_too() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let made = Environment::of(&branch(&owner, &root.project, "dev", "staging", json!({})).await);
    let url =
        owner.must("rotateDatabaseCredential", json!({ "environmentId": made.id })).await["url"].as_str().unwrap().to_owned();
    connect_url(&url).await.batch_execute("SELECT 1").await.unwrap();
    owner.must("deleteEnvironment", json!({ "environmentId": made.id })).await;
    owner.must("restoreEnvironment", json!({ "environmentId": made.id })).await;
    let config: tokio_postgres::Config = url.parse().unwrap();
    assert!(config.connect(tokio_postgres::NoTls).await.is_err(), "the password of before the delete opens it");
}

#[tokio::test]
async fn an_erased_environment_leaves_no_name_behind_in_its_branches() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let parent = Environment::of(&branch(&owner, &root.project, "dev", "parent", json!({})).await);
    let login = format!("{}_data", database_of(&server, &parent.id).await);
    let sql = customer(&owner, &parent.id).await;
    sql.batch_execute(&format!("CREATE TABLE t (id int); GRANT SELECT ON t TO {login}")).await.unwrap();
    drop(sql);
    let child = until("the customer has gone", async || {
        let input = json!({ "projectId": root.project, "name": "child", "sourceEnvironment": "parent", "mode": "full", "strategy": "INSTANT" });
        let made = owner.try_to("branchEnvironment", input).await;
        (made["success"] == true).then(|| Environment::of(&made))
    })
    .await;
    // The child is deleted, so that the parent can be erased, and outlives it.
    owner.must("deleteEnvironment", json!({ "environmentId": child.id })).await;
    owner.must("deleteEnvironment", json!({ "environmentId": parent.id, "purge": true })).await;
    let admin = superuser(&server, "postgres").await;
    let left = admin.query("SELECT FROM pg_roles WHERE rolname = $1", &[&login]).await.unwrap();
    assert_eq!(left.len(), 0);
    let restored = Environment::of(&owner.must("restoreEnvironment", json!({ "environmentId": child.id })).await);
    assert_eq!(server.api(&restored.secret).get("/v1/data/t").await.status, 200);
}

#[tokio::test]
async fn a_lost_control_database_loses_no_environment() {
    let server = Server::start();
    let root = blog(&server).await;
    assert!(!database_of(&server, &root.id).await.is_empty());
    let admin = superuser(&server, "postgres").await;
    until("the control database is free", async || {
        let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'cloche_control'";
        admin.query(end, &[]).await.unwrap();
        admin.batch_execute("ALTER DATABASE cloche_control RENAME TO lost").await.ok()
    })
    .await;
    drop(admin);
    let (data, scratch, bin) = (server.data_dir(), server.scratch(), postgres_bin());
    let stopped = server.stop();
    let folders =
        || data.join("postgres/base").read_dir().unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count();
    let before = folders();
    let arguments =
        ["serve", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap(), "--postgres-bin", bin.to_str().unwrap()];
    let refused = run_cli(&scratch, &[], &arguments).await;
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("the control database cloche_control is missing"), "{}", refused.stderr);
    assert_eq!(folders(), before, "an environment's database is gone");

    // And without its password, a start says so rather than making another one.
    std::fs::rename(data.join("secrets/postgres-password"), data.join("secrets/kept")).unwrap();
    let refused = run_cli(&scratch, &[], &arguments).await;
    assert!(refused.stderr.contains("postgres-password is missing"), "{}", refused.stderr);
    drop(stopped);
}
