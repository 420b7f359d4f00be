//! Views and functions in definition files, against a real database.

use serde_json::{Value, json};

use crate::client::Person;
use crate::harness::Server;
use crate::transcript::Transcript;
use crate::world::{Environment, blog_files, customer, database_of, project, superuser};

const TABLE: &str = "columns:
  id: { type: bigint, identity: true, primary_key: true }
  title: text
  slug: { type: text, default: new_slug() }
  size: { type: integer, default: \"1\" }
checks: { named: is_name(slug) }
access: { anon: [read] }
";

/// One of everything, each needing another.
pub(crate) fn notes() -> Value {
    let files: &[(&str, &str)] = &[
        ("tables/notes.yaml", TABLE),
        ("functions/new_slug.yaml", "returns: text\nlanguage: plpgsql\nbody: |\n  begin\n    return random_text(4);\n  end"),
        ("functions/random_text.yaml", "arguments: { length: integer }\nreturns: text\nbody: select repeat('x', length)"),
        (
            "functions/is_name.yaml",
            "arguments: { it: text }\nreturns: boolean\nvolatility: immutable\nstrict: true\nbody: select it <> ''",
        ),
        (
            "functions/heading.yaml",
            "arguments: { note: notes }\nreturns: text\nvolatility: stable\nbody: select upper(note.title)\ncomment: it's loud",
        ),
        (
            "functions/largest.yaml",
            "arguments: { most: { type: int, default: \"5\" } }\nreturns: setof newest\nvolatility: stable\nbody: select * from newest limit most",
        ),
        ("functions/sizes.yaml", "returns: { id: bigint, \"user\": text }\nbody: select id, title from notes"),
        ("views/newest.yaml", "query: select id, title, size from large order by id desc\ncomment: \"the newest; first\""),
        (
            "views/large.yaml",
            "query: |\n  select id, title, size, heading(notes) as heading\n  from notes where size > 0\nsecurity_invoker: true",
        ),
        ("views/tally.yaml", "query: select count(*) as number from notes\nmaterialized: true"),
    ];
    files.iter().map(|(path, content)| json!({ "path": path, "content": content })).collect()
}

/// The files with one changed, added, or (with an empty content) left out.
pub(crate) fn with(files: &Value, path: &str, content: &str) -> Value {
    let others = files.as_array().unwrap().iter().filter(|file| file["path"] != path).cloned();
    let new = (!content.is_empty()).then(|| json!({ "path": path, "content": content }));
    others.chain(new).collect()
}

async fn apply(owner: &Person, environment: &Environment, files: &Value, more: Value) -> Value {
    let mut input = json!({ "environmentId": environment.id, "files": files });
    more.as_object().unwrap().iter().for_each(|(field, value)| input[field] = value.clone());
    owner.try_to("applyDefinitions", input).await
}

/// Applies, and then there is nothing left to do.
async fn settle(owner: &Person, environment: &Environment, files: &Value, more: Value) -> Value {
    let applied = apply(owner, environment, files, more.clone()).await;
    assert_eq!(applied["success"], true, "{applied:#}");
    let again = apply(owner, environment, files, more).await;
    assert_eq!((&again["plan"]["changes"], &again["plan"]["empty"]), (&json!([]), &json!(true)), "{again:#}");
    applied
}

#[tokio::test]
async fn views_and_functions_are_applied_and_then_in_step() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "notes").await;
    let mut transcript = Transcript::default();
    transcript.json("all at once", &settle(&owner, &root, &notes(), json!({})).await);
    let api = server.api(&root.secret);
    api.make("notes", &json!([{ "title": "one", "size": 1 }, { "title": "two", "size": 2 }])).await;
    assert_eq!(
        api.rows("/v1/data/newest?select=title,size").await,
        json!([{ "title": "two", "size": 2 }, { "title": "one", "size": 1 }])
    );
    assert_eq!(api.rows("/v1/data/large?select=heading&order=id").await, json!([{ "heading": "ONE" }, { "heading": "TWO" }]));
    // No rule reaches inside a view, so anon, who may read the table, reads no view of it.
    let anon = server.api(&root.publishable);
    assert_eq!((anon.get("/v1/data/notes").await.status, anon.get("/v1/data/newest").await.status), (200, 404));

    // Another type below three views and two functions; another query; another body; another signature.
    let files = with(&notes(), "tables/notes.yaml", &TABLE.replace("type: integer", "type: bigint"));
    let files = with(
        &files,
        "functions/random_text.yaml",
        "arguments: { length: integer }\nreturns: text\nbody: select repeat('y', length)",
    );
    let files = with(
        &files,
        "functions/sizes.yaml",
        "arguments: { above: int }\nreturns: setof bigint\nbody: select size from notes where size > above",
    );
    let files =
        with(&files, "views/tally.yaml", "query: select count(*) as number, max(size) as most from notes\nmaterialized: true");
    transcript.json("changes", &settle(&owner, &root, &files, json!({})).await);
    assert_eq!(api.rows("/v1/data/tally").await, json!([{ "number": 2, "most": 2 }]));

    // Renamed, with what hangs on them.
    let text = |path: &str| {
        files.as_array().unwrap().iter().find(|file| file["path"] == path).unwrap()["content"].as_str().unwrap().to_owned()
    };
    let renamed = with(
        &with(&files, "views/newest.yaml", ""),
        "views/latest.yaml",
        &format!("{}\nrenamed_from: newest", text("views/newest.yaml")),
    );
    let renamed = with(&renamed, "functions/largest.yaml", &text("functions/largest.yaml").replace("newest", "latest"));
    let renamed = with(
        &with(&renamed, "functions/heading.yaml", ""),
        "functions/loud.yaml",
        &format!("{}\nrenamed_from: heading", text("functions/heading.yaml")),
    );
    let renamed = with(&renamed, "views/large.yaml", &text("views/large.yaml").replace("heading(notes)", "loud(notes)"));
    transcript.json("renames", &settle(&owner, &root, &renamed, json!({})).await);
    assert_eq!(api.rows("/v1/data/latest?select=title&limit=1").await, json!([{ "title": "two" }]));

    // Gone from the files: first told, then dropped.
    let fewer = with(&with(&renamed, "views/latest.yaml", ""), "functions/largest.yaml", "");
    transcript.json("told", &apply(&owner, &root, &fewer, json!({})).await);
    transcript.json("dropped", &settle(&owner, &root, &fewer, json!({ "prune": true })).await);
    assert_eq!(api.get("/v1/data/latest").await.problem(), "table/not-found");
    transcript.check("definitions_code");
}

#[tokio::test]
async fn what_was_changed_by_hand_comes_back_and_a_branch_takes_all_along() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "notes").await;
    settle(&owner, &root, &notes(), json!({})).await;
    let sql = customer(&owner, &root.id).await;
    sql.batch_execute(
        "DROP FUNCTION largest; DROP VIEW newest; ALTER FUNCTION heading VOLATILE;
         CREATE OR REPLACE FUNCTION sizes() RETURNS TABLE (id bigint, \"user\" text) LANGUAGE sql SECURITY DEFINER AS 'SELECT 1, ''x''';
         CREATE VIEW by_hand AS SELECT id FROM notes; CREATE FUNCTION largest(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
    )
    .await
    .unwrap();
    let applied = settle(&owner, &root, &notes(), json!({})).await;
    let changes: Vec<&str> =
        applied["plan"]["changes"].as_array().unwrap().iter().map(|it| it["description"].as_str().unwrap()).collect();
    assert_eq!(
        changes,
        [
            "Replace the function `heading`.",
            "Replace the function `sizes`.",
            "Create the view `newest`.",
            "Create the function `largest(most integer)`."
        ]
    );
    let extra: Vec<&str> = applied["plan"]["extra"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(extra, ["by_hand", "largest(text)"]);
    // A definer's function is one no more.
    let definers = "SELECT count(*) FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace";
    assert_eq!(sql.query_one(definers, &[]).await.unwrap().get::<_, i64>(0), 0);
    drop(sql);
    for strategy in ["SNAPSHOT", "AUTO"] {
        let more = json!({ "strategy": strategy });
        let copy = Environment::of(&crate::world::branch(&owner, &root.project, "dev", &strategy.to_lowercase(), more).await);
        let planned = apply(&owner, &copy, &notes(), json!({ "dryRun": true })).await;
        assert_eq!(planned["plan"]["changes"], json!([]), "{strategy}: {planned:#}");
    }
}

/// What tries to be more than a view or a function. Those in the first list must not get past the parser.
const REFUSED: &[(&str, &str)] = &[
    ("views/evil.yaml", "query: select 1 as a; drop table notes"),
    ("views/evil.yaml", "query: \"select 1 as a -- \\n; drop table notes\""),
    ("views/evil.yaml", "query: \"select E'\\\\'; drop table notes --' as a, 'x\""),
    ("views/evil.yaml", "query: \"select $$a$$ as a; drop table notes\""),
    ("views/evil.yaml", "query: \"select 'a'\\n'\\\\'; drop table notes --' as a\""),
    ("views/evil.yaml", "query: \"drop table notes\""),
    ("views/evil.yaml", "query: \"select 1) with no data; drop table notes; select (1\""),
    ("functions/evil.yaml", "returns: void\nsecurity: definer\nbody: select 1"),
    ("functions/evil.yaml", "returns: \"void language sql as 'drop table notes' --\"\nbody: select 1"),
    ("functions/evil.yaml", "returns: void\nlanguage: \"sql security definer\"\nbody: select 1"),
    (
        "functions/evil.yaml",
        "arguments: { a: { type: int, default: \"1) returns void language sql as 'drop table notes'; --\" } }\nreturns: void\nbody: select 1",
    ),
    (
        "functions/evil.yaml",
        "arguments: { \"a int) returns int language sql as $$drop table notes$$ --\": int }\nreturns: void\nbody: select 1",
    ),
    (
        "functions/evil.yaml",
        "arguments: { a: { type: int, default: \"$body$; drop table notes; $body$\" } }\nreturns: void\nbody: select 1",
    ),
];

/// These are one thing for the parser, and must be no more for PostgreSQL.
const HARMLESS: &[(&str, &str)] = &[
    (
        "functions/evil.yaml",
        "returns: void\nlanguage: plpgsql\nbody: \"begin end $body$; drop table notes; create function x() returns int language sql as $body$ select 1\"",
    ),
    ("functions/evil.yaml", "returns: void\nlanguage: plpgsql\nbody: \"begin end; $$; drop table notes; --\""),
    ("functions/evil.yaml", "returns: void\nlanguage: plpgsql\nbody: \"begin end; -- $body\""),
    ("functions/evil.yaml", "returns: void\nbody: \"select 1; drop table notes; --$body$ security definer\""),
    ("functions/evil.yaml", "returns: void\nlanguage: plpgsql\nbody: \"begin end ' ; drop table notes; \\\\\""),
    ("views/evil.yaml", "query: \"select 'a; drop table notes' as a, '--' as b\""),
    ("views/evil.yaml", "query: \"select 1 as \\\"a; drop table notes\\\"\""),
    ("views/evil.yaml", "query: \"with gone as (delete from notes returning id) select * from gone\""),
    ("views/evil.yaml", "query: \"select set_config('role', 'cloche_platform', false) as a\"\nmaterialized: true"),
    ("views/evil.yaml", "query: \"select pg_read_file('/etc/passwd') as a\"\nmaterialized: true"),
    ("views/evil.yaml", "query: \"select a from (select 1 as a) as b\"\ncomment: \"it's'; drop table notes; --\""),
];

#[tokio::test]
async fn definitions_are_no_way_out_of_their_statement() {
    let server = Server::start();
    let owner = server.owner();
    let root = project(&owner, "notes").await;
    settle(&owner, &root, &notes(), json!({})).await;
    server.api(&root.secret).make("notes", &json!({ "title": "here" })).await;
    let admin = superuser(&server, &database_of(&server, &root.id).await).await;
    let state = async || -> Vec<String> {
        let sql = "SELECT format('%s %s %s', relname, relkind, relowner::regrole) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relname <> 'evil'
                   UNION ALL SELECT format('%s %s %s', oid::regprocedure, prosecdef, proowner::regrole) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname <> 'evil'
                   UNION ALL SELECT rolname FROM pg_roles UNION ALL SELECT 'notes ' || count(*) FROM public.notes ORDER BY 1";
        admin.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
    };
    let before = state().await;
    for (path, content) in REFUSED {
        let refused = apply(&owner, &root, &with(&notes(), path, content), json!({})).await;
        assert_eq!(
            (&refused["success"], &refused["code"]),
            (&json!(false), &json!("definitions/invalid")),
            "{content}: {refused:#}"
        );
    }
    let mut accepted = 0;
    for (path, content) in HARMLESS {
        let outcome = apply(&owner, &root, &with(&notes(), path, content), json!({})).await;
        accepted += usize::from(outcome["success"] == true);
        assert_eq!(state().await, before, "{content}: {outcome:#}");
        let definers =
            "SELECT count(*) FROM pg_proc WHERE proname = 'evil' AND (prosecdef OR proowner <> 'cloche_owner'::regrole)";
        assert_eq!(admin.query_one(definers, &[]).await.unwrap().get::<_, i64>(0), 0, "{content}");
        apply(&owner, &root, &notes(), json!({ "prune": true })).await;
    }
    assert!(accepted >= 5, "of those that are one thing, {accepted} were accepted: so little was tried");
    // What the platform is asked to run belongs to nobody mightier than the schema's owner, and another project is as it was.
    let other = project(&owner, "other").await;
    assert_eq!(apply(&owner, &other, &blog_files(), json!({})).await["success"], true);
}
