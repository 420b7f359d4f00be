use proptest::prelude::*;

use super::*;
use crate::postgres::query::parse::parse;

const COLUMNS: [&str; 4] = ["id", "title", "odd \"name", "w"];

fn posts() -> Table {
    Table::for_tests("posts", &COLUMNS, &[])
}

fn change(returning: Returning) -> Change<'static> {
    Change { returning, exactly_one: false, id: None }
}

fn body<'a>(json: &'a str, keys: &[&str]) -> Body<'a> {
    Body { json, keys: keys.iter().map(|key| (*key).to_owned()).collect(), is_array: json.starts_with('[') }
}

fn values<'a>(statement: &'a Statement<'_>) -> Vec<&'a str> {
    statement.params.iter().map(|param| param.0.as_deref().unwrap()).collect()
}

#[test]
fn one_record() {
    let table = posts();
    let key = single_key(&table).unwrap();
    let query = parse("select=id,name:title").unwrap();
    let all = find(&table, key, "7", &[]).unwrap();
    assert_eq!(all.sql, r#"SELECT pg_catalog.row_to_json(t.*)::text FROM public."posts" AS t WHERE t."id" = $1"#);
    let some = find(&table, key, "7", &query.select).unwrap();
    assert_eq!(
        some.sql,
        r#"SELECT pg_catalog.row_to_json(r.*)::text FROM (SELECT t."id" AS "id", t."title" AS "name" FROM public."posts" AS t WHERE t."id" = $1) AS r"#
    );
    assert_eq!(values(&some), ["7"]);
}

#[test]
fn many_records() {
    let query =
        parse("title=not.like.a*&id=in.(1,%22x%5C%22,%22)&w=is.null&order=id.desc.nullslast&limit=5000&offset=20").unwrap();
    let table = posts();
    let statement = list(&table, &query, true).unwrap();
    let condition = r#" WHERE NOT t."title" LIKE $1 AND t."id" = ANY ($2) AND t."w" IS NULL"#;
    assert_eq!(
        statement.sql,
        format!(
            "SELECT count(*), coalesce(pg_catalog.json_agg(r.*), '[]')::text, (SELECT count(*) FROM public.\"posts\" AS t{condition}) \
             FROM (SELECT t.* FROM public.\"posts\" AS t{condition} ORDER BY t.\"id\" DESC NULLS LAST LIMIT 1000 OFFSET $3) AS r"
        )
    );
    assert_eq!(values(&statement), ["a%", r#"{"1","x\","}"#, "20"]);
}

#[test]
fn writes() {
    let table = posts();
    let query = parse("id=eq.1&select=id").unwrap();
    let json = r#"{"title":"a"}"#;
    assert_eq!(
        insert(&table, &body(json, &["title"]), &query.select, Returning::Records).unwrap().sql,
        "WITH w AS (INSERT INTO public.\"posts\" AS t (\"title\") SELECT b.\"title\" FROM pg_catalog.json_to_record($1) AS b(\"title\" text) \
         RETURNING t.\"id\" AS \"id\") SELECT count(*), coalesce(pg_catalog.json_agg(w.*), '[]')::text FROM w"
    );
    let updated = update(&table, &query, &body(json, &["title"]), change(Returning::Nothing)).unwrap();
    assert_eq!(
        updated.sql,
        "UPDATE public.\"posts\" AS t SET \"title\" = b.\"title\" FROM pg_catalog.json_to_record($2) AS b(\"title\" text) WHERE t.\"id\" = $1"
    );
    assert_eq!(values(&updated), ["1", json]);
    assert_eq!(
        delete(&table, &query, Change { exactly_one: true, ..change(Returning::Records) }).unwrap().sql,
        "WITH fitting AS (SELECT count(*) AS n FROM public.\"posts\" AS t WHERE t.\"id\" = $1), \
         w AS (DELETE FROM public.\"posts\" AS t WHERE t.\"id\" = $1 AND (SELECT n FROM fitting) = 1 RETURNING t.\"id\" AS \"id\") \
         SELECT count(*), coalesce(pg_catalog.json_agg(w.*), '[]')::text FROM w"
    );
}

#[test]
fn nothing_without_a_filter() {
    let (table, query) = (posts(), parse("select=id").unwrap());
    assert_eq!(delete(&table, &query, change(Returning::Nothing)).unwrap_err().code, "request/filter-required");
    let changed = update(&table, &query, &body("{}", &["title"]), change(Returning::Nothing));
    assert_eq!(changed.unwrap_err().code, "request/filter-required");
}

#[test]
fn unknown_names_are_told_with_the_closest() {
    let table = posts();
    for text in ["titel=eq.1", "select=titel", "order=titel"] {
        let query = parse(text).unwrap();
        let error = list(&table, &query, false).unwrap_err();
        assert_eq!((error.code.as_str(), error.hint.as_deref()), ("column/not-found", Some("Did you mean 'title'?")));
    }
    let query = parse("select=id,author(name)").unwrap();
    assert!(list(&table, &query, false).unwrap_err().message.contains("author(name)"));
    let twice = parse("select=id,id:title").unwrap();
    assert_eq!(list(&table, &twice, false).unwrap_err().code, "select/duplicate-name");
}

/// What is left of `sql` when quoted identifiers, the empty list and placeholders are taken out; and the placeholders.
fn skeleton(sql: &str) -> (String, Vec<usize>) {
    let (mut rest, mut skeleton, mut placeholders) = (sql, String::new(), Vec::new());
    while let Some(at) = rest.find(['"', '$']) {
        skeleton.push_str(&rest[..at]);
        if rest[at..].starts_with('$') {
            let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
            placeholders.push(rest[at + 1..][..digits].parse().unwrap());
            rest = &rest[at + 1 + digits..];
            continue;
        }
        let mut end = at + 1;
        loop {
            end += rest[end..].find('"').expect("every quote is closed") + 1;
            if !rest[end..].starts_with('"') {
                break;
            }
            end += 1;
        }
        rest = &rest[end..];
    }
    skeleton.push_str(rest);
    (skeleton, placeholders)
}

fn filters() -> impl Strategy<Value = Vec<Filter>> {
    let test = prop_oneof![
        "\\PC{0,12}".prop_map(|value| Test::Compare(Comparison::Equal, value)),
        prop::collection::vec("\\PC{0,6}", 0..4).prop_map(Test::In),
        "\\PC{0,12}".prop_map(|pattern| Test::Like { pattern, ignore_case: true }),
        Just(Test::Is(Is::Null)),
    ];
    let filter = (0..COLUMNS.len(), any::<bool>(), test).prop_map(|(column, negated, test)| Filter {
        column: COLUMNS[column].into(),
        negated,
        test,
    });
    prop::collection::vec(filter, 1..5)
}

proptest! {
    #[test]
    fn values_are_bound_and_names_are_quoted(filters in filters(), alias in "[^\0]{1,12}", json in "\\{\\PC{0,20}", offset in 0u64..9) {
        let alias = Some(alias).filter(|alias| alias != "id");
        let select = vec![Output { column: "id".into(), alias }];
        let order = vec![Order { column: COLUMNS[2].into(), descending: true, nulls_first: None }];
        let query = Query { select, filters, order, limit: None, offset: Some(offset) };
        let (table, body) = (posts(), body(&json, &COLUMNS));
        let statements = [
            list(&table, &query, true).unwrap(),
            insert(&table, &body, &query.select, Returning::Records).unwrap(),
            update(&table, &query, &body, change(Returning::Keys)).unwrap(),
            delete(&table, &query, Change { exactly_one: true, ..change(Returning::Records) }).unwrap(),
        ];
        for statement in statements {
            let (skeleton, mut placeholders) = skeleton(&statement.sql);
            placeholders.sort_unstable();
            placeholders.dedup();
            prop_assert_eq!(placeholders, (1..=statement.params.len()).collect::<Vec<_>>());
            let plain = |c: char| c.is_ascii_alphanumeric() || " .,*=()<>_:'[]".contains(c);
            prop_assert!(skeleton.replace("'[]'", "").chars().all(|c| plain(c) && c != '\''), "{skeleton}");
        }
    }
}
