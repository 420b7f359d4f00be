//! Definition files: planning, applying, mistakes, pruning.

use serde_json::{Value, json};

use crate::client::Person;
use crate::harness::{Server, until};
use crate::transcript::Transcript;
use crate::world::{Environment, blog, blog_files, count, database_of, project, remains, superuser};

async fn apply(person: &Person, environment: &Environment, files: &Value, more: Value) -> Value {
    let mut input = json!({ "environmentId": environment.id, "files": files });
    more.as_object().unwrap().iter().for_each(|(field, value)| input[field] = value.clone());
    person.try_to("applyDefinitions", input).await
}

fn file(path: &str, content: &str) -> Value {
    json!({ "path": path, "content": content })
}

/// The files with one replaced.
fn with(files: &Value, path: &str, change: impl Fn(&str) -> String) -> Value {
    let mut files = files.clone();
    let file = files.as_array_mut().unwrap().iter_mut().find(|file| file["path"] == path).unwrap();
    file["content"] = json!(change(file["content"].as_str().unwrap()));
    files
}

#[tokio::test]
async fn the_blog_is_planned_applied_and_then_in_step() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "shop").await;
    let files = blog_files();
    let mut transcript = Transcript::default();
    let planned = apply(&owner, &root, &files, json!({ "dryRun": true })).await;
    transcript.json("a dry run", &planned);
    transcript.check("definitions_plan");
    assert_eq!(server.api(&root.secret).get("/v1/data/posts").await.status, 404, "a dry run changes nothing");

    let hash = &planned["plan"]["hash"];
    let wrong = apply(&owner, &root, &files, json!({ "planHash": "0".repeat(64) })).await;
    assert_eq!((&wrong["success"], &wrong["code"]), (&json!(false), &json!("definitions/plan-changed")));
    assert_eq!(server.api(&root.secret).get("/v1/data/posts").await.status, 404, "another plan changes nothing");
    let applied = apply(&owner, &root, &files, json!({ "planHash": hash })).await;
    assert_eq!((&applied["success"], &applied["plan"]["hash"]), (&json!(true), hash), "{applied:#}");
    for table in ["authors", "posts", "comments"] {
        assert_eq!(count(&server.api(&root.publishable), table).await, 0, "{table}");
    }
    for dry_run in [true, false] {
        let again = apply(&owner, &root, &files, json!({ "dryRun": dry_run })).await;
        assert_eq!((&again["plan"]["empty"], &again["plan"]["changes"]), (&json!(true), &json!([])), "{again:#}");
    }
    let document = "query($e: String!) { definitions(environmentId: $e) { kind name } }";
    let deployed = owner.query(document, json!({ "e": root.id })).await;
    let names: Vec<_> = deployed["definitions"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
}

#[tokio::test]
async fn changes_are_made_to_tables_with_rows() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let api = server.api(&root.secret);
    let files = with(&blog_files(), "tables/authors.yaml", |text| {
        text.replace("columns:\n", "columns:\n  rank: { type: integer, default: \"7\" }\n").replace("anon: [read]", "anon: []")
    });
    let files = with(&files, "enums/post_status.yaml", |text| text.replace("archived]", "archived, lost]"));
    let applied = apply(&owner, &root, &files, json!({})).await;
    let mut transcript = Transcript::default();
    transcript.json("a column, an enum's value and less access", &applied);
    assert_eq!(
        api.rows("/v1/data/authors?select=handle,rank&order=handle").await,
        json!([{ "handle": "ada", "rank": 7 }, { "handle": "bea", "rank": 7 }])
    );
    // In force on return: what anon may do, and the columns there are.
    assert_eq!(server.api(&root.publishable).get("/v1/data/authors").await.status, 404);
    assert_eq!(api.patch("/v1/data/posts?slug=eq.one", &json!({ "status": "lost" })).await.status, 204);

    // What the rows do not allow is refused, and nothing of the plan is done.
    let files = with(&files, "tables/authors.yaml", |text| {
        text.replace("  name: text\n", "  name: text\n  extra: { type: text, nullable: true }\n")
            .replace("length(name) > 0", "length(name) > 3")
    });
    let refused = apply(&owner, &root, &files, json!({})).await;
    transcript.json("a check that rows break", &refused);
    assert_eq!(api.get("/v1/data/authors?select=extra").await.problem(), "column/not-found");
    transcript.check("definitions_changes");
}

#[tokio::test]
async fn what_is_in_no_file_is_reported_and_dropped_only_when_asked() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let all = blog_files();
    // Roles name the table, and go with it.
    let is_of_comments = |file: &Value| {
        let path = file["path"].as_str().unwrap();
        path == "tables/comments.yaml" || path.starts_with("roles/")
    };
    let fewer: Value = all.as_array().unwrap().iter().filter(|file| !is_of_comments(file)).cloned().collect();
    let fewer = with(&fewer, "tables/authors.yaml", |text| {
        text.lines().filter(|line| !line.contains("  bio:")).collect::<Vec<_>>().join("\n")
    });
    let mut transcript = Transcript::default();
    transcript.json("without prune", &apply(&owner, &root, &fewer, json!({})).await);
    assert_eq!(count(&server.api(&root.secret), "comments").await, 2);
    transcript.json("a dry run with prune", &apply(&owner, &root, &fewer, json!({ "dryRun": true, "prune": true })).await);
    assert_eq!(count(&server.api(&root.secret), "comments").await, 2);
    transcript.json("with prune", &apply(&owner, &root, &fewer, json!({ "prune": true })).await);
    transcript.check("definitions_prune");
    assert_eq!(server.api(&root.secret).get("/v1/data/comments").await.problem(), "table/not-found");
    assert_eq!(count(&server.api(&root.secret), "posts").await, 3);
}

#[tokio::test]
async fn mistakes_are_told_with_file_line_and_column() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "shop").await;
    let before = remains(&server).await;
    let files = json!([
        file(
            "tables/a.yaml",
            "columns:\n  id: { type: uuid, primary_key: true }\n  b: { type: tecst }\n  c: { type: text, references: nowhere.id }\n"
        ),
        file("tables/b.yaml", "columns:\n  id: { type: uuid, primary_key: true\n"),
        file("tables/c.yaml", "colums:\n  id: uuid\n"),
        file("tables/D.yaml", "columns: {}\n"),
        file("enums/e.yaml", "values: [a, a]\n"),
        file("other/f.yaml", "x: 1\n"),
        file("../escape.yaml", "x: 1\n"),
    ]);
    let mut transcript = Transcript::default();
    transcript.json("many mistakes at once", &apply(&owner, &root, &files, json!({})).await);
    let sql =
        json!([file("tables/a.yaml", "columns:\n  id: { type: uuid, primary_key: true, default: \"no_such_function()\" }\n")]);
    transcript.json("a default only PostgreSQL can judge", &apply(&owner, &root, &sql, json!({})).await);
    let injected = json!([file(
        "tables/a.yaml",
        "columns:\n  id: { type: uuid, primary_key: true, default: \"gen_random_uuid()); DROP TABLE x; --\" }\n"
    )]);
    transcript.json("a default that is more than an expression", &apply(&owner, &root, &injected, json!({})).await);
    transcript.check("definitions_mistakes");
    assert_eq!(remains(&server).await, before);
    assert_eq!(server.api(&root.secret).get("/v1/data/a").await.status, 404);
}

/// After a change, whoever comes first finds the tables read already.
#[tokio::test]
async fn tables_are_read_before_somebody_asks() {
    let server = Server::start();
    let root = project(&server.owner(), "ahead").await;
    let admin = superuser(&server, &database_of(&server, &root.id).await).await;
    let statements = async || -> Vec<String> {
        let sql = "SELECT query FROM pg_stat_activity WHERE usename LIKE '%\\_data' AND datname = current_database()";
        admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(statements().await, Vec::<String>::new());
    apply(&server.owner(), &root, &blog_files(), json!({})).await;
    let read = until("the tables are read", async || Some(statements().await).filter(|list| !list.is_empty())).await;
    assert_eq!(read.len(), 1, "{read:?}");
    assert_eq!(server.api(&root.secret).get("/v1/data/authors").await.status, 200);
    let read = statements().await;
    assert_eq!(read.len(), 1, "on the connection that reads use: {read:?}");
}
