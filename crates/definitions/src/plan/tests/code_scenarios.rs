use super::*;

const POSTS: (&str, &str) = ("tables/posts.yaml", "columns: {id: {type: bigint, primary_key: true}, title: text, size: integer}");

fn with(files: &[(&str, &str)]) -> Definitions {
    read(&[&[POSTS], files].concat())
}

#[test]
fn views_and_functions_come_in_an_order_that_works() {
    let wanted = read(&[
        (
            "tables/posts.yaml",
            "columns: {id: {type: bigint, primary_key: true}, slug: {type: text, default: new_slug()}}\nchecks: {ok: is_slug(slug)}",
        ),
        ("functions/new_slug.yaml", "returns: text\nlanguage: plpgsql\nbody: |\n  begin\n    return random_text(8);\n  end"),
        ("functions/random_text.yaml", "arguments: {length: integer}\nreturns: text\nbody: select repeat('x', length)"),
        ("functions/is_slug.yaml", "arguments: {it: text}\nreturns: boolean\nvolatility: immutable\nbody: select it <> ''"),
        (
            "functions/first_posts.yaml",
            "arguments: {most: {type: int, default: 5}}\nreturns: setof newest\nvolatility: stable\nbody: select * from newest limit most",
        ),
        ("functions/heading.yaml", "arguments: {post: posts}\nreturns: text\nbody: select upper(post.slug)"),
        ("views/newest.yaml", "query: select id, slug from a_view order by id desc\ncomment: the newest first"),
        ("views/a_view.yaml", "query: |\n  select id, slug, heading(posts) as heading\n  from posts\nsecurity_invoker: true"),
        ("views/kept.yaml", "query: select count(*) as number from posts\nmaterialized: true"),
    ]);
    insta::assert_snapshot!(show(&plan_from(&Deployed::default(), &wanted)));
}

#[test]
fn a_column_changes_its_type_under_views() {
    let before = with(&[
        ("views/small.yaml", "select id, size from posts"),
        ("views/smaller.yaml", "select id from small"),
        ("views/other.yaml", "select id, title from posts"),
        ("functions/of_small.yaml", "arguments: {it: small}\nreturns: integer\nbody: select it.size"),
    ]);
    let mut after = before.clone();
    after.tables.get_mut("posts").unwrap().columns[2].type_ = "bigint".into();
    insta::assert_snapshot!(show(&plan_from(&deployed(&before), &after)));
}

#[test]
fn changes_are_breaking_when_a_client_could_miss_something() {
    let view = |query: &str| with(&[("views/v.yaml", &format!("query: {query}"))]);
    let breaking = |from: &str, to: &str| plan_from(&deployed(&view(from)), &view(to)).is_breaking();
    assert!(!breaking("select id from posts", "select id, title from posts where size > 1"));
    assert!(breaking("select id, title from posts", "select id from posts"));
    assert!(breaking("select id from posts", "select * from posts"));
    let function = |text: &str| with(&[("functions/f.yaml", text)]);
    let plan = |from: &str, to: &str| plan_from(&deployed(&function(from)), &function(to));
    let old = "arguments: {a: integer}\nreturns: integer\nbody: select a";
    assert!(!plan(old, &old.replace("select a", "select a + 1")).is_breaking());
    assert!(!plan(old, &old.replace("a: integer}", "a: {type: integer, default: 1}}")).is_breaking());
    for (part, other) in [("a: integer}", "b: integer}"), ("a: integer}", "a: text}"), ("returns: integer", "returns: bigint")] {
        let plan = plan(old, &old.replace(part, other).replace("select a", "select 1"));
        assert!(plan.is_breaking() && plan.statements().any(|it| it.starts_with("DROP FUNCTION")), "{}", show(&plan));
    }
}

#[test]
fn renames_are_followed() {
    let before = with(&[
        ("views/v.yaml", "select id, title from posts"),
        ("functions/f.yaml", "arguments: {it: posts}\nreturns: text\nbody: select it.title"),
    ]);
    let after = read(&[
        ("tables/entries.yaml", &format!("{}\nrenamed_from: posts", POSTS.1)),
        ("views/list.yaml", "{query: 'select id, title from entries', renamed_from: v}"),
        ("functions/g.yaml", "arguments: {it: entries}\nreturns: text\nbody: select it.title\nrenamed_from: f"),
    ]);
    insta::assert_snapshot!(show(&plan_from(&deployed(&before), &after)));
    let column = read(&[
        ("tables/posts.yaml", &POSTS.1.replace("title: text", "name: {type: text, renamed_from: title}")),
        ("views/v.yaml", "select id, name from posts"),
        ("functions/f.yaml", "arguments: {it: posts}\nreturns: text\nbody: select it.title"),
    ]);
    insta::assert_snapshot!("a_column", show(&plan_from(&deployed(&before), &column)));
}

#[test]
fn a_table_does_not_become_a_view_by_itself() {
    let before = with(&[]);
    let after = read(&[("views/posts.yaml", "select 1 as one")]);
    let refused = plan(&after, &deployed(&before), PlanOptions::default()).unwrap_err();
    assert_eq!(refused[0].message, "the database has a table `posts`");
}

#[test]
fn mistakes_are_told_with_their_place() {
    let files = [
        POSTS,
        ("views/posts.yaml", "select 1"),
        ("views/two.yaml", "query: select 1; drop table posts"),
        ("views/none.yaml", "materialized: true"),
        ("views/both.yaml", "{query: select 1, materialized: true, security_invoker: true}"),
        ("views/write.yaml", "query: delete from posts returning id"),
        ("functions/definer.yaml", "returns: void\nbody: select 1\nsecurity: definer"),
        ("functions/c.yaml", "returns: void\nlanguage: plpython3u\nbody: x"),
        ("functions/bare.yaml", "language: sql"),
        (
            "functions/args.yaml",
            "arguments: {a: {type: int, default: 1}, b: nothing, C: text}\nreturns: {a: text}\nbody: select 1",
        ),
    ];
    let files: Vec<SourceFile> =
        files.iter().map(|(path, content)| SourceFile { path: (*path).into(), content: (*content).into() }).collect();
    let errors = parse(&files).unwrap_err();
    insta::assert_snapshot!(errors.iter().map(|it| format!("{it}\n")).collect::<String>());
}
