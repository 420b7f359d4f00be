//! A schema edited over the API, and shown as it is.

use serde_json::{Value, json};

use crate::client::Person;
use crate::harness::{Server, run_cli};
use crate::transcript::Transcript;
use crate::world::{Environment, blog, blog_files, count, customer, project};

const SCHEMA: &str = "query($e: String!) { schema(environmentId: $e) {
  tables { name managed comment columns { name type nullable default identity generated comment }
    constraints { name kind columns definition referencedTable referencedColumns onDelete onUpdate }
    indexes { name columns unique method where definition } access { role verbs } }
  enums { name values comment }
  views { name managed materialized securityInvoker columns { name type } query comment }
  functions { name signature managed arguments { name type } returns language volatility strict securityDefiner body comment }
  files { path content } } }";

async fn apply(person: &Person, environment: &Environment, changes: Value, more: Value) -> Value {
    let mut input = json!({ "environmentId": environment.id, "changes": changes });
    more.as_object().unwrap().iter().for_each(|(field, value)| input[field] = value.clone());
    person.try_to("applySchema", input).await
}

async fn must(person: &Person, environment: &Environment, changes: Value) -> Value {
    let done = apply(person, environment, changes, json!({ "allowBreaking": true })).await;
    assert_eq!(done["success"], true, "{done:#}");
    done
}

async fn files(person: &Person, environment: &Environment) -> Value {
    person.query(SCHEMA, json!({ "e": environment.id })).await["schema"]["files"].take()
}

/// What the schema shows as files is in step with what is deployed.
async fn in_step(person: &Person, environment: &Environment) {
    let input = json!({ "environmentId": environment.id, "files": files(person, environment).await, "dryRun": true });
    let planned = person.try_to("applyDefinitions", input).await;
    assert_eq!((&planned["plan"]["changes"], &planned["plan"]["extra"]), (&json!([]), &json!([])), "{planned:#}");
}

#[tokio::test]
async fn a_schema_is_made_and_changed_without_files() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "shop").await;
    let api = server.api(&root.secret);
    let mut transcript = Transcript::default();
    let made = json!([
        { "createEnum": { "name": "size", "values": ["small", "large"] } },
        { "createTable": { "name": "makers", "primaryKey": ["id"], "columns": [{ "name": "id", "type": "bigint", "identity": true }, { "name": "name", "type": "text" }] } },
        { "createTable": {
            "name": "items", "comment": "what is sold", "primaryKey": ["id"], "access": [{ "role": "anon", "verbs": ["read"] }],
            "columns": [
                { "name": "id", "type": "bigint", "identity": true },
                { "name": "name", "type": "text" },
                { "name": "size", "type": "size", "default": "'small'" },
                { "name": "maker", "type": "bigint", "nullable": true }
            ]
        } },
        { "addForeignKey": { "table": "items", "columns": ["maker"], "references": "makers", "onDelete": "set_null" } },
        { "addIndex": { "table": "items", "columns": ["lower(name)", "id desc"], "unique": true, "name": "by_name" } },
        { "addCheck": { "table": "items", "expression": "name <> ''" } },
        { "createView": { "name": "large_items", "query": "select id, name from items where size = 'large'" } },
        { "createFunction": { "name": "rename_item", "arguments": [{ "name": "item", "type": "bigint" }, { "name": "new_name", "type": "text", "default": "'new'" }],
            "returns": "setof items", "language": "sql", "body": "update items set name = new_name where id = item returning *" } },
        { "createFunction": { "name": "tally", "returnsTable": [{ "name": "size", "type": "size" }, { "name": "number", "type": "bigint" }],
            "language": "sql", "volatility": "stable", "body": "select size, count(*) from items group by 1" } }
    ]);
    transcript.json("a dry run", &apply(&owner, &root, made.clone(), json!({ "dryRun": true })).await);
    assert_eq!(api.get("/v1/data/items").await.status, 404, "a dry run changes nothing");
    must(&owner, &root, made).await;
    api.make("makers", &json!({ "name": "Ada" })).await;
    api.make(
        "items",
        &json!([{ "name": "pen", "size": "large", "maker": 1 }, { "name": "ink", "size": "small", "maker": null }]),
    )
    .await;
    assert_eq!(count(&server.api(&root.publishable), "items").await, 2);
    assert_eq!(api.rows("/v1/data/large_items").await, json!([{ "id": 1, "name": "pen" }]));
    transcript.json("as it is", &owner.query(SCHEMA, json!({ "e": root.id })).await);
    in_step(&owner, &root).await;

    let changed = json!([
        { "renameTable": { "name": "makers", "newName": "people" } },
        { "alterColumn": { "table": "items", "column": "name", "newName": "title", "type": "varchar(40)", "comment": "on the label" } },
        { "addColumn": { "table": "items", "column": { "name": "price", "type": "numeric(8,2)", "default": "0" } } },
        { "alterColumn": { "table": "items", "column": "size", "default": null } },
        { "addEnumValue": { "name": "size", "value": "medium", "after": "small" } },
        { "replaceView": { "name": "large_items", "query": "select id, title as name from items where size = 'large'", "securityInvoker": true } },
        { "replaceFunction": { "name": "rename_item", "arguments": [{ "name": "item", "type": "bigint" }, { "name": "new_name", "type": "text", "default": "'new'" }],
            "returns": "setof items", "language": "sql", "body": "update items set title = new_name where id = item returning *" } },
        { "setAccess": { "table": "items", "access": [] } },
        { "addUnique": { "table": "people", "columns": ["name"] } },
        { "dropIndex": { "table": "items", "name": "by_name" } }
    ]);
    let refused = apply(&owner, &root, changed.clone(), json!({})).await;
    transcript.json("breaking, and not allowed", &refused);
    let planned = apply(&owner, &root, changed.clone(), json!({ "dryRun": true })).await;
    transcript.json("changed", &planned);
    let other = apply(&owner, &root, changed.clone(), json!({ "planHash": "0".repeat(64) })).await;
    assert_eq!(other["code"], "definitions/plan-changed");
    let done = apply(&owner, &root, changed, json!({ "planHash": planned["plan"]["hash"] })).await;
    assert_eq!(done["success"], true, "{done:#}");
    assert_eq!(
        api.rows("/v1/data/items?select=id,title,price,size&order=id").await[0],
        json!({ "id": 1, "title": "pen", "price": 0.00, "size": "large" })
    );
    assert_eq!(api.rows("/v1/data/large_items").await, json!([{ "id": 1, "name": "pen" }]));
    assert_eq!(server.api(&root.publishable).get("/v1/data/items").await.status, 404, "access is gone on return");
    in_step(&owner, &root).await;

    must(
        &owner,
        &root,
        json!([{ "dropView": "large_items" }, { "dropFunction": "rename_item" }, { "dropFunction": "tally" },
        { "dropConstraint": { "table": "items", "name": "items_maker_fkey" } }, { "dropTable": "people" },
        { "dropColumn": { "table": "items", "name": "size" } }, { "dropEnum": "size" }]),
    )
    .await;
    let left = owner.query(SCHEMA, json!({ "e": root.id })).await;
    let names = |kind: &str| left["schema"][kind].as_array().unwrap().iter().map(|it| it["name"].clone()).collect::<Value>();
    assert_eq!(
        (names("tables"), names("enums"), names("views"), names("functions")),
        (json!(["items"]), json!([]), json!([]), json!([]))
    );
    in_step(&owner, &root).await;
    transcript.check("schema_edit");
}

#[tokio::test]
async fn what_no_edit_is_about_stays_as_it_is() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let sql = customer(&owner, &root.id).await;
    sql.batch_execute(
        "CREATE TABLE own (id int PRIMARY KEY, twice int GENERATED ALWAYS AS (id * 2) STORED); INSERT INTO own VALUES (1);
         CREATE TABLE \"Odd name\" (\"A column\" int); ALTER TABLE posts ADD COLUMN by_hand int; CREATE INDEX by_hand ON posts USING hash (slug);
         CREATE VIEW posts_seen AS SELECT id, by_hand FROM posts; CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
         CREATE FUNCTION f(text) RETURNS int LANGUAGE sql AS 'SELECT 2'; ALTER TABLE comments ADD CONSTRAINT late UNIQUE (body) DEFERRABLE",
    )
    .await
    .unwrap();
    let before = owner.query(SCHEMA, json!({ "e": root.id })).await;
    let done = must(
        &owner,
        &root,
        json!([{ "addColumn": { "table": "posts", "column": { "name": "extra", "type": "int", "nullable": true } } }]),
    )
    .await;
    let changes: Vec<_> =
        done["plan"]["changes"].as_array().unwrap().iter().map(|it| it["description"].as_str().unwrap()).collect();
    assert_eq!(changes, ["Add the column `extra` (integer) to `posts`."]);
    must(&owner, &root, json!([{ "dropColumn": { "table": "posts", "name": "extra" } }])).await;
    let mut after = owner.query(SCHEMA, json!({ "e": root.id })).await;
    let mut before = before;
    // With the edit the column made by hand has become one of the definition's.
    for schema in [&mut before, &mut after] {
        schema["schema"].as_object_mut().unwrap().remove("files");
    }
    assert_eq!(after, before);
    // What was made by hand can be taken away by name, and nothing but that goes.
    let by_hand = json!([{ "dropView": "posts_seen" }, { "dropFunction": "f(integer)" }, { "dropIndex": { "table": "posts", "name": "by_hand" } },
        { "dropColumn": { "table": "own", "name": "twice" } }]);
    let done = must(&owner, &root, by_hand).await;
    assert_eq!(done["plan"]["changes"].as_array().unwrap().iter().filter(|it| it["action"] == "drop").count(), 4, "{done:#}");
    assert_eq!(sql.query_one("SELECT f('x'), (SELECT count(*) FROM own)", &[]).await.unwrap().get::<_, i64>(1), 1);
    // The files know nothing of all this, and are still told so.
    let input = json!({ "environmentId": root.id, "files": blog_files(), "dryRun": true });
    let planned = owner.try_to("applyDefinitions", input).await;
    let extra: Vec<_> = planned["plan"]["extra"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(extra, ["comments.late", "posts.by_hand", "Odd name", "own", "f(text)"]);
}

#[tokio::test]
async fn wrong_changes_are_refused_whole() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let before = owner.query(SCHEMA, json!({ "e": root.id })).await;
    let mut transcript = Transcript::default();
    let good = json!({ "addColumn": { "table": "posts", "column": { "name": "good", "type": "text", "nullable": true } } });
    let wrong = [
        json!({ "addColumn": { "table": "posts", "column": { "name": "bad", "type": "strin" } } }),
        json!({ "addColumn": { "table": "post", "column": { "name": "bad", "type": "text" } } }),
        json!({ "addColumn": { "table": "posts", "column": { "name": "a\" int; drop table posts; --", "type": "text" } } }),
        json!({ "alterColumn": { "table": "posts", "column": "title", "default": "draft" } }),
        json!({ "addIndex": { "table": "posts", "columns": ["tittle"] } }),
        json!({ "addForeignKey": { "table": "posts", "columns": ["title"], "references": "authors" } }),
        json!({ "addForeignKey": { "table": "posts", "columns": ["title"], "references": "authors", "onDelete": "explode" } }),
        json!({ "dropTable": "authors" }),
        json!({ "createView": { "name": "v", "query": "select 1; drop table posts" } }),
        json!({ "createFunction": { "name": "f", "language": "c", "returns": "void", "body": "x" } }),
        json!({ "createFunction": { "name": "f", "language": "sql", "returns": "void security definer", "body": "select 1" } }),
        json!({ "createFunction": { "name": "f", "language": "sql", "returns": "integer", "body": "select nothing" } }),
        json!({ "addCheck": { "table": "posts", "expression": "length(title) > 100" } }),
    ];
    for change in wrong {
        let refused = apply(&owner, &root, json!([good, change]), json!({ "allowBreaking": true })).await;
        assert_eq!((&refused["success"], &refused["plan"]), (&json!(false), &Value::Null), "{refused:#}");
        transcript.json(&change.to_string(), &refused);
    }
    // Two in one are no change at all.
    let both = json!([{ "dropTable": "posts", "dropEnum": "post_status" }]);
    let body = owner.send("applySchema", json!({ "environmentId": root.id, "changes": both })).await;
    assert!(
        body["errors"][0]["message"].as_str().is_some_and(|it| it.contains("applySchema") || it.contains("input")),
        "{body:#}"
    );
    assert_eq!(owner.query(SCHEMA, json!({ "e": root.id })).await, before);
    transcript.check("schema_edit_mistakes");
}

#[tokio::test]
async fn what_was_edited_elsewhere_is_pulled_into_the_folder() {
    let server = Server::start();
    let owner = server.owner();
    let root = blog(&server).await;
    let folder = server.scratch().join("project");
    let write = |path: &str, content: &str| {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write("cloche.yaml", "project: blog\n");
    for file in blog_files().as_array().unwrap() {
        write(file["path"].as_str().unwrap(), file["content"].as_str().unwrap());
    }
    let token = std::fs::read_to_string(server.data_dir().join("owner-token")).unwrap();
    let variables = [("CLOCHE_URL", server.url.as_str()), ("CLOCHE_TOKEN", token.trim())];
    let run = async |arguments: &[&str]| run_cli(&folder, &variables, arguments).await;
    let nothing = run(&["pull", "--json"]).await;
    assert_eq!((nothing.code, nothing.stdout.contains("tables/")), (0, false), "{} {}", nothing.stdout, nothing.stderr);
    let posts = std::fs::read_to_string(folder.join("tables/posts.yaml")).unwrap();

    // It names the table that goes.
    owner.must("deleteRole", json!({ "environmentId": root.id, "name": "user" })).await;
    must(
        &owner,
        &root,
        json!([
            { "addColumn": { "table": "authors", "column": { "name": "age", "type": "int", "nullable": true } } },
            { "createView": { "name": "titles", "query": "select title\nfrom posts" } },
            { "dropTable": "comments" }
        ]),
    )
    .await;
    let asked = run(&["pull"]).await;
    assert!(asked.code == 2 && asked.stderr.contains("tables/authors.yaml"), "{} {}", asked.code, asked.stderr);
    let pulled = run(&["pull", "--yes", "--prune", "--json"]).await;
    assert_eq!(pulled.code, 0, "{}", pulled.stderr);
    let pulled: Value = serde_json::from_str(&pulled.stdout).unwrap();
    assert_eq!(
        pulled,
        json!({ "created": ["views/titles.yaml"], "replaced": ["tables/authors.yaml"], "removed": ["roles/user.yaml", "tables/comments.yaml"], "extra": [] })
    );
    assert_eq!(std::fs::read_to_string(folder.join("tables/posts.yaml")).unwrap(), posts, "its words are kept");
    assert!(
        std::fs::read_to_string(folder.join("tables/authors.yaml")).unwrap().contains("age: { type: integer, nullable: true }")
    );
    assert_eq!(std::fs::read_to_string(folder.join("views/titles.yaml")).unwrap(), "query: |\n  select title\n  from posts\n");
    let status = run(&["status", "--exit-code"]).await;
    assert_eq!(status.code, 0, "{} {}", status.stdout, status.stderr);
}
