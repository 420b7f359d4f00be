//! What statements look like. Whether PostgreSQL means the same by them is tested over a real one.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cloche_definitions::role::Comparison;
use cloche_dialect::{Field, parse};
use proptest::prelude::*;

use super::*;
use crate::access::{Condition, Mask, Rows, Value};
use crate::postgres::query::{Access, Returning};
use crate::postgres::schema::{Link, Relationship, Schema, TableKind};

/// Lets everything through but for what is said of `posts`, and closes `secrets`.
#[derive(Default)]
struct Rules {
    rows: Option<Rows<'static>>,
    masks: BTreeMap<String, Mask<'static>>,
}

impl Access for Rules {
    fn table(&self, table: &Table, _: Verb) -> Option<Guard<'_>> {
        match table.name.as_str() {
            "secrets" => None,
            "posts" => Some(Guard { rows: self.rows.clone(), masks: Cow::Borrowed(&self.masks) }),
            _ => Some(Guard::default()),
        }
    }

    fn function(&self, _: &str) -> bool {
        true
    }
}

fn schema() -> Schema {
    let key = |table: &str, foreign: &str, pair: (&str, &str), from_here| Relationship {
        table: table.into(),
        foreign: foreign.into(),
        to_one: from_here,
        link: Link::Key { constraint: "key".into(), columns: vec![(pair.0.into(), pair.1.into())], from_here, named: true },
    };
    Schema::of([
        Table::for_tests("authors", &["id", "name"]),
        Table::for_tests("posts", &["id", "author_id", "title"]),
        Table::for_tests("secrets", &["id", "author_id"]),
    ])
    .with_relationships(vec![
        key("authors", "posts", ("id", "author_id"), false),
        key("posts", "authors", ("author_id", "id"), true),
        key("authors", "secrets", ("id", "author_id"), false),
    ])
}

static AUTHOR: LazyLock<Field> = LazyLock::new(|| Field { column: "author_id".into(), path: Vec::new() });

/// The author is the one who asks.
fn own() -> Option<Rows<'static>> {
    Some(Rows(vec![vec![condition(Comparison::Eq, Value::One("7".into()), false)]]))
}

fn condition(operator: Comparison, value: Value<'static>, is_fixed: bool) -> Condition<'static> {
    Condition { field: &AUTHOR, operator, value, is_fixed }
}

fn listed(rules: &Rules, table: &str, text: &str) -> Result<(String, usize)> {
    let schema = schema();
    let context = Context { schema: &schema, access: rules, max_rows: 1000, aggregates: true, is_recent: true };
    let query = parse(text).unwrap();
    let list = list(&context, schema.table(table).unwrap(), &query, Wanted { count: true, ..Wanted::default() })?;
    Ok((list.statement.sql, list.statement.params.len()))
}

fn code(rules: &Rules, table: &str, text: &str) -> String {
    listed(rules, table, text).unwrap_err().code
}

#[test]
fn a_rule_holds_wherever_the_table_is_read() {
    let rules = Rules { rows: own(), ..Rules::default() };
    for (table, query) in [
        ("posts", "select=id&title=eq.x"),
        ("authors", "select=*,posts(title)"),
        ("authors", "select=*,...posts(title)"),
        ("authors", "select=*,posts!inner()"),
        ("authors", "select=*,posts()&posts=not.is.null"),
        ("posts", "select=title.count()"),
    ] {
        let (sql, _) = listed(&rules, table, query).unwrap();
        // As often as the table stands in it: in the records, and where they are counted.
        let (read, ruled) = (sql.matches("public.\"posts\" AS").count(), sql.matches("\"author_id\" = $").count());
        assert!(read > 0 && read == ruled, "{query}: {read} {ruled} {sql}");
    }
}

/// A rule's own value is part of the statement only where it means the same whenever it is read.
#[test]
fn what_a_request_brings_is_bound_and_so_is_what_depends_on_the_time() {
    let one = |is_fixed| condition(Comparison::Neq, Value::One("o'x\\".into()), is_fixed);
    let many = |is_fixed| condition(Comparison::In, Value::Many(vec!["a'\"".to_owned(), "b".to_owned()].into()), is_fixed);
    let null = |text: &'static str| condition(Comparison::IsNull, Value::One(text.into()), true);
    let either = r#"(t1."author_id" IS NOT NULL OR (t1."author_id" <> $1 AND t1."author_id" <> $2))"#;
    for (type_oid, rows, expected, bound) in [
        (25, vec![vec![one(true)]], r#"t1."author_id" <> E'o''x\\'"#, 0),
        (25, vec![vec![one(false)]], r#"t1."author_id" <> $1"#, 1),
        (1184, vec![vec![one(true)]], r#"t1."author_id" <> $1"#, 1),
        (0, vec![vec![one(true)]], r#"t1."author_id" <> $1"#, 1),
        (25, vec![vec![many(true)]], r#"t1."author_id" = ANY ($1)"#, 1),
        (25, vec![vec![many(false), null("true")]], r#"(t1."author_id" = ANY ($1) AND t1."author_id" IS NULL)"#, 1),
        (25, vec![vec![null("false")], vec![one(false), one(false)]], either, 2),
        (25, vec![vec![]], "(true)", 0),
        (25, vec![], "(false)", 0),
    ] {
        let rules = Rules { rows: Some(Rows(rows)), ..Rules::default() };
        let mut posts = Table::for_tests("posts", &["id", "author_id"]);
        posts.columns[1].type_oid = type_oid;
        let schema = Schema::of([posts]);
        let context = Context { schema: &schema, access: &rules, max_rows: 1000, aggregates: true, is_recent: true };
        let list = list(&context, schema.table("posts").unwrap(), &parse("select=id").unwrap(), Wanted::default()).unwrap();
        let Statement { sql, params, .. } = list.statement;
        assert!(sql.contains(&format!(" WHERE {expected}")), "{expected}: {sql}");
        assert_eq!(params.len(), bound, "{sql}");
    }
}

#[test]
fn what_is_closed_is_not_there() {
    assert_eq!(code(&Rules::default(), "authors", "select=*,secrets(id)"), "PGRST200");
    assert_eq!(code(&Rules::default(), "authors", "select=*,nothing(id)"), "PGRST200");
}

#[test]
fn a_masked_column_decides_nothing() {
    let hidden = Rules { masks: BTreeMap::from([("title".to_owned(), Mask::Hide)]), ..Rules::default() };
    let redacted = Rules { masks: BTreeMap::from([("title".to_owned(), Mask::Redact("***".into()))]), ..Rules::default() };
    for query in ["title=eq.x", "or=(id.eq.1,title.eq.x)", "order=title", "select=title.max()"] {
        assert_eq!(code(&hidden, "posts", query), "42703", "{query}");
        assert_eq!(code(&redacted, "posts", query), "access/denied", "{query}");
    }
    assert_eq!(code(&hidden, "posts", "select=title"), "42703");
    assert_eq!(code(&hidden, "authors", "select=*,posts(title)"), "42703");
    let (sql, _) = listed(&hidden, "posts", "").unwrap();
    assert!(!sql.contains("title") && !sql.contains(".*)::") && sql.contains("\"author_id\""), "{sql}");
    let (sql, _) = listed(&redacted, "posts", "").unwrap();
    assert!(sql.contains("CAST('***' AS text) AS \"title\""), "{sql}");
}

#[test]
fn what_is_written_must_fit_before_and_after() {
    let schema = schema();
    let rules = Rules { rows: own(), ..Rules::default() };
    let context = Context { schema: &schema, access: &rules, max_rows: 1000, aggregates: false, is_recent: true };
    let body = Body { json: "{}", keys: vec!["title".into()], is_array: false, missing_default: false, scalars: None };
    let change = Change {
        target: Target::Id("1"),
        returning: Returning::Nothing,
        format: Format::Json,
        exactly_one: false,
        max_affected: None,
    };
    let query = parse("").unwrap();
    let posts = schema.table("posts").unwrap();
    let sql = update(&context, posts, &query, &body, None, change).unwrap().sql;
    let (before, after) = sql.split_once(" RETURNING ").unwrap();
    assert!(before.contains("\"author_id\" = $") && after.contains("\"author_id\" = $"), "{sql}");
    assert!(after.contains("cloche.refuse('row'"), "{sql}");
    let sql = insert(&context, posts, &query, &body, None, Change { target: Target::Filtered, ..change }).unwrap().sql;
    assert!(sql.split_once(" RETURNING ").unwrap().1.contains("\"author_id\" = $"), "{sql}");
    let merge = Conflict { columns: Vec::new(), resolving: Resolving::Merge };
    let sql = insert(&context, posts, &query, &body, Some(&merge), change).unwrap().sql;
    assert!(sql.contains("WHERE CASE WHEN t1.\"author_id\" = $"), "{sql}");
}

/// A rule that what is given meets by its very text is not looked at again; wherever that is not certain, it is.
#[test]
fn what_is_met_for_certain_is_not_looked_at_again() {
    let looked_at = |rows: Rows<'static>, value: Option<&'static str>, returning, table: fn(&mut Table), is_recent| {
        let mut posts = Table::for_tests("posts", &["id", "author_id", "title"]);
        table(&mut posts);
        let schema = Schema::of([posts]);
        let rules = Rules { rows: Some(rows), ..Rules::default() };
        let context = Context { schema: &schema, access: &rules, max_rows: 1000, aggregates: false, is_recent };
        let (keys, scalars) = (vec!["title".into(), "author_id".into()], Some(vec![Some("x".into()), value.map(Into::into)]));
        let body = Body { json: "{}", keys, is_array: false, missing_default: false, scalars };
        let format = Format::Json;
        let change = Change { target: Target::Filtered, returning, format, exactly_one: false, max_affected: None };
        insert(&context, schema.table("posts").unwrap(), &parse("").unwrap(), &body, None, change).unwrap().sql
    };
    let is_looked_at = |rows: Vec<Vec<Condition<'static>>>, value| {
        let sql = looked_at(Rows(rows), value, Returning::Nothing, |_| {}, true);
        assert_eq!(sql.contains(" RETURNING "), sql.contains("cloche.refuse"), "{sql}");
        sql.contains("cloche.refuse")
    };
    let one = |operator, text: &'static str| condition(operator, Value::One(text.into()), false);
    let of_seven = || vec![one(Comparison::Eq, "7")];
    let of_many = || vec![condition(Comparison::In, Value::Many(vec!["6".to_owned(), "7".to_owned()].into()), true)];
    assert!(!is_looked_at(vec![of_seven()], Some("7")) && !is_looked_at(vec![of_many()], Some("7")));
    assert!(!is_looked_at(vec![vec![one(Comparison::Eq, "8")], of_seven()], Some("7")), "one way is enough");
    assert!(!is_looked_at(vec![vec![]], Some("8")), "nothing is asked");
    for (rows, value) in [
        (vec![of_seven()], Some("07")),
        (vec![of_seven()], None),
        (vec![of_many()], Some("8")),
        (vec![[of_seven(), vec![one(Comparison::Neq, "8")]].concat()], Some("7")),
        (vec![vec![one(Comparison::Gte, "7")]], Some("7")),
        (vec![], Some("7")),
    ] {
        assert!(is_looked_at(rows.clone(), value), "{rows:?} {value:?}");
    }
    // Told of, it must be readable: which it is by the same rule.
    for (table, is_recent, is_certain) in [
        ((|_| {}) as fn(&mut Table), true, true),
        (|_| {}, false, false),
        (|posts| posts.writes_run_code = true, true, false),
        (|posts| posts.inserts_leave_state = true, true, false),
        (|posts| posts.kind = TableKind::View, true, false),
        // Of a type that two texts may mean the same value of, or one text several.
        (|posts| posts.columns[1].type_oid = 1043, true, false),
        (|posts| posts.columns[1].type_oid = 1184, true, false),
        (|posts| posts.columns[1].category = 'A', true, false),
    ] {
        for returning in [Returning::Nothing, Returning::Records] {
            let sql = looked_at(Rows(vec![of_seven()]), Some("7"), returning, table, is_recent);
            assert_eq!(!sql.contains("cloche.refuse"), is_certain, "{sql}");
        }
    }
}

#[test]
fn names_are_quoted() {
    let name = "x\" WHERE true; --";
    let schema = Schema::of([Table::for_tests(name, &["id", name])]);
    let rules = Rules::default();
    let context = Context { schema: &schema, access: &rules, max_rows: 10, aggregates: false, is_recent: true };
    let sql = list(&context, schema.table(name).unwrap(), &parse("order=id&limit=1").unwrap(), Wanted::default()).unwrap();
    assert!(sql.statement.sql.contains("public.\"x\"\" WHERE true; --\" AS t1"), "{}", sql.statement.sql);
}

#[test]
fn many_objects_are_an_array_for_each_column() {
    let schema = schema();
    let rules = Rules::default();
    let context = Context { schema: &schema, access: &rules, max_rows: 10, aggregates: false, is_recent: true };
    let change = Change {
        target: Target::Filtered,
        returning: Returning::Nothing,
        format: Format::Json,
        exactly_one: false,
        max_affected: None,
    };
    for (json, lists) in [
        (r#"[{"title":"a","id":1}]"#, ["{\"a\"}", "{1}"]),
        (r#"[{"title":null,"id":2},{"title":"b","id":"3"}]"#, ["{NULL,\"b\"}", "{2,\"3\"}"]),
    ] {
        let keys = vec!["title".to_owned(), "id".to_owned()];
        let body = Body { json, keys, is_array: true, missing_default: false, scalars: None };
        let statement = insert(&context, schema.table("posts").unwrap(), &parse("").unwrap(), &body, None, change).unwrap();
        let from = "ROWS FROM (pg_catalog.unnest(CAST($1 AS text[])), pg_catalog.unnest(CAST($2 AS text[]))) AS b";
        assert_eq!(statement.sql, format!("INSERT INTO public.\"posts\" AS t1 (\"title\", \"id\") SELECT b.* FROM {from}"));
        assert_eq!(statement.params, lists.map(TextParam::new));
    }
}

proptest! {
    /// Whatever is asked for, its values are bound and never part of the statement.
    #[test]
    fn values_are_never_sql(
        operator in "(eq|neq|gt|like|ilike|match|cs|fts|plfts\\(english\\)|is\\.null|in|not\\.eq|eq\\(any\\)|isdistinct)",
        at in "(title|author_id|posts\\.title|or)",
        quote in "['\"\\\\;$]{0,3}",
    ) {
        let secret = format!("s3cret{quote}s3cret");
        let value = match operator.as_str() {
            "in" => format!("in.({secret})"),
            "eq(any)" => format!("eq(any).{{{secret}}}"),
            "is.null" => operator.clone(),
            _ => format!("{operator}.{secret}"),
        };
        let text = if at == "or" { format!("or=(title.eq.{secret},id.eq.1)") } else { format!("{at}={value}") };
        let encoded: String = text.split_once('=').map(|(key, value)| {
            let value: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            format!("select=*,authors(*)&{key}={value}")
        }).unwrap();
        if let Ok(query) = parse(&encoded.replace("posts.title", "authors.name")) {
            let schema = schema();
            let rules = Rules::default();
            let context = Context { schema: &schema, access: &rules, max_rows: 1000, aggregates: true, is_recent: true };
            if let Ok(list) = list(&context, schema.table("posts").unwrap(), &query, Wanted::default()) {
                prop_assert!(!list.statement.sql.contains("s3cret"), "{}", list.statement.sql);
            }
        }
    }
}
