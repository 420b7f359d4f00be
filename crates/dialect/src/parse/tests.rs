use super::*;
use crate::{Aggregate, Column, Field, Is, Join, Operator, Order, Quantifier, Step, Test};

fn query(text: &str) -> Query {
    parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn error(text: &str) -> DialectError {
    parse(text).expect_err(text)
}

fn field(column: &str) -> Field {
    Field { column: column.into(), path: Vec::new() }
}

fn filter(column: &str, test: Test) -> Filter {
    Filter { field: field(column), negated: false, test }
}

fn compare(operator: Operator, value: &str) -> Test {
    Test::Compare { operator, value: value.into() }
}

fn is_eq(column: &str, value: &str) -> Node {
    Node::Filter(filter(column, compare(Operator::Eq, value)))
}

/// The only filter of a request.
fn only(text: &str) -> Filter {
    match query(text).filters.pop() {
        Some(Node::Filter(filter)) => filter,
        other => panic!("{text}: {other:?}"),
    }
}

fn embed(query: &Query, name: &str) -> Embed {
    let named = |item: &&Item| matches!(item, Item::Embed(embed) if embed.name() == name);
    match query.select.iter().find(named) {
        Some(Item::Embed(embed)) => embed.clone(),
        _ => panic!("no {name}"),
    }
}

fn column(text: &str) -> Column {
    match query(&format!("select={text}")).select.pop() {
        Some(Item::Column(column)) => column,
        other => panic!("{text}: {other:?}"),
    }
}

fn step(key: &str, is_index: bool, as_text: bool) -> Step {
    Step { key: key.into(), is_index, as_text }
}

#[test]
fn every_operator_with_a_value() {
    let operators = [
        ("eq", Operator::Eq),
        ("neq", Operator::Neq),
        ("gt", Operator::Gt),
        ("gte", Operator::Gte),
        ("lt", Operator::Lt),
        ("lte", Operator::Lte),
        ("match", Operator::Match),
        ("imatch", Operator::Imatch),
        ("isdistinct", Operator::IsDistinct),
        ("cs", Operator::Contains),
        ("cd", Operator::Contained),
        ("ov", Operator::Overlap),
        ("sl", Operator::StrictlyLeft),
        ("sr", Operator::StrictlyRight),
        ("nxr", Operator::NotExtendRight),
        ("nxl", Operator::NotExtendLeft),
        ("adj", Operator::Adjacent),
    ];
    for (word, operator) in operators {
        assert_eq!(only(&format!("a={word}.{{x,*.y}}")), filter("a", compare(operator, "{x,*.y}")));
        assert!(only(&format!("a=not.{word}.x")).negated);
    }
    assert_eq!(only("a=like.*x%25*").test, compare(Operator::Like, "%x%%"));
    assert_eq!(only("a=ilike.x*").test, compare(Operator::Ilike, "x%"));
}

#[test]
fn values_are_decoded_and_left_alone() {
    assert_eq!(only("a=eq.x+y%2Bz%C3%A9"), filter("a", compare(Operator::Eq, "x y+zé")));
    assert_eq!(only("a=eq.").test, compare(Operator::Eq, ""));
    assert_eq!(only("a=eq.not.eq.\"1\"").test, compare(Operator::Eq, "not.eq.\"1\""));
    assert_eq!(only("a=eq.b=c").test, compare(Operator::Eq, "b=c"));
}

#[test]
fn modifiers() {
    let quantified = |operator, quantifier, values: &[&str]| Test::Quantified {
        operator,
        quantifier,
        values: values.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(only("a=like(any).{O*,P*}").test, quantified(Operator::Like, Quantifier::Any, &["O%", "P%"]));
    assert_eq!(
        only("a=not.eq(all).{ 1 , \"b,\\\"}\" ,c d}").test,
        quantified(Operator::Eq, Quantifier::All, &["1", "b,\"}", "c d"])
    );
    assert_eq!(only("a=gt(any).{}").test, quantified(Operator::Gt, Quantifier::Any, &[]));
    assert_eq!(only("a=eq(any).{\"null\",\\ x}").test, quantified(Operator::Eq, Quantifier::Any, &["null", " x"]));
    for wrong in
        ["eq(any).1", "eq(any).{1", "eq(any).{1}x", "eq(any).{{1}}", "eq(any).{1,}", "eq(any).{null}", "eq(some).{1}", "eq().1"]
    {
        assert_eq!(error(&format!("a={wrong}")).code, "PGRST100", "{wrong}");
    }
    for word in ["neq", "in", "is", "isdistinct", "cs"] {
        assert_eq!(error(&format!("a={word}(any).{{1}}")).code, "PGRST100", "{word}");
    }
}

#[test]
fn full_text_search() {
    let search = |operator, language: Option<&str>, value: &str| Test::Search {
        operator,
        language: language.map(Into::into),
        value: value.into(),
    };
    assert_eq!(only("a=fts(french).amusant").test, search(Operator::Fts, Some("french"), "amusant"));
    assert_eq!(only("a=plfts.The%20Fat%20Cats").test, search(Operator::PlainFts, None, "The Fat Cats"));
    assert_eq!(only("a=not.phfts(english).a.b").test, search(Operator::PhraseFts, Some("english"), "a.b"));
    assert_eq!(only("a=wfts(simple).x").test, search(Operator::WebFts, Some("simple"), "x"));
    assert_eq!(error("a=fts().x").code, "PGRST100");
    assert_eq!(error("a=fts(a'b).x").code, "PGRST100");
}

#[test]
fn lists() {
    let list = |text: &str| match only(&format!("a=in.{text}")).test {
        Test::In(values) => values,
        other => panic!("{other:?}"),
    };
    assert_eq!(list("(1,%222,3%22,a(b))"), ["1", "2,3", "a(b)"]);
    assert_eq!(list("()"), [""; 0]);
    assert_eq!(list("(\"\")"), [""]);
    assert_eq!(list("(,a)"), ["", "a"]);
    assert_eq!(list("(\"Quote:\\\"\", \"Backslash:\\\\\" )"), ["Quote:\"", "Backslash:\\"]);
    for wrong in ["1,2", "(1", "(\"x)", "(\"x\"y)", "", "(1)x"] {
        assert_eq!(error(&format!("a=in.{wrong}")).code, "PGRST100", "{wrong}");
    }
    assert_eq!(list(&format!("({})", "1,".repeat(9_999))).len(), 10_000);
    assert_eq!(error(&format!("a=in.({})", "1,".repeat(10_000))).code, "PGRST100");
}

#[test]
fn is_takes_five_words() {
    for (word, is) in
        [("null", Is::Null), ("NOT_NULL", Is::NotNull), ("True", Is::True), ("false", Is::False), ("unknown", Is::Unknown)]
    {
        assert_eq!(only(&format!("a=is.{word}")).test, Test::Is(is));
    }
    assert!(only("a=not.is.null").negated);
    assert_eq!(error("a=is.7").code, "PGRST100");
    assert_eq!(error("a=is.nullx").code, "PGRST100");
}

#[test]
fn columns_with_other_characters() {
    assert_eq!(only("%22information.cpe%22=like.*MS*").field, field("information.cpe"));
    assert_eq!(only("Unit%20Price=lt.200").field, field("Unit Price"));
    assert_eq!(only("a-b=eq.1").field, field("a-b"));
    assert_eq!(only("%D9%85%D9%88=eq.1").field, field("مو"));
    assert_eq!(query("select=%22a,b%22,%22%5C%22%22").select.len(), 2);
    assert_eq!(query("select=\"a,b\"").select, query("select= \"a,b\" ").select);
    assert_eq!(error("a;b=eq.1").code, "PGRST100");
    assert_eq!(error("select=\"\"").code, "PGRST100");
}

#[test]
fn paths_into_json() {
    let path = |text: &str| only(&format!("{text}=eq.1")).field.path;
    assert_eq!(
        path("data->phones->0->>number"),
        [step("phones", false, false), step("0", true, false), step("number", false, true)]
    );
    assert_eq!(path("data->-1"), [step("-1", true, false)]);
    assert_eq!(path("data->\"0\"->>\"a.b,c\""), [step("0", false, false), step("a.b,c", false, true)]);
    assert_eq!(path("data->a-b->>!@$%25^*_a"), [step("a-b", false, false), step("!@$%^*_a", false, true)]);
    assert_eq!(path("data->007->99999999999"), [step("007", false, false), step("99999999999", false, false)]);
    for wrong in ["data->", "data->>", "data->-x", "data->--3", "data->-78xy", "data->a.b", "->a"] {
        assert_eq!(error(&format!("{wrong}=eq.1")).code, "PGRST100", "{wrong}");
    }
    assert_eq!(error(&format!("data{}=eq.1", "->a".repeat(33))).code, "PGRST100");
}

#[test]
fn logic_trees() {
    let group = |boolean, negated, nodes| Node::Group { boolean, negated, nodes };
    let tree = query("grade=gte.90&or=(age.eq.14,not.and(age.gte.11,age.lte.17))").filters.pop().unwrap();
    let Node::Group { boolean: Boolean::Or, negated: false, nodes } = &tree else { panic!("{tree:?}") };
    assert_eq!(nodes[0], is_eq("age", "14"));
    assert!(matches!(&nodes[1], Node::Group { boolean: Boolean::And, negated: true, nodes } if nodes.len() == 2));
    assert_eq!(query("not.or=(a.eq.1)").filters, [group(Boolean::Or, true, vec![is_eq("a", "1")])]);
    let spaced = query("and=( and ( id.in.( 1, 2, 3 ) , id.eq.3 ) , or ( id.eq.2 , id.eq.3 ) )");
    assert!(matches!(&spaced.filters[0], Node::Group { nodes, .. } if nodes.len() == 2));
    let reserved = query("or=(and_starting.eq.1,or_starting.eq.2,not.eq.3,or.eq.4)");
    assert!(matches!(&reserved.filters[0], Node::Group { nodes, .. } if nodes.len() == 4 && nodes[2] == is_eq("not", "3")));
    for wrong in
        ["()", "", "a.eq.1", "(a.eq.1", "(a.eq.1))", "(a.eq.1,)", "(a)", "(a.xx.1)", "(ord(a.eq.1))", "(not.xor(a.eq.1,b.eq.2))"]
    {
        assert_eq!(error(&format!("or={wrong}")).code, "PGRST100", "{wrong}");
    }
    let deep = |depth: usize| format!("and={}(a.eq.1){}", "(and".repeat(depth - 1), ")".repeat(depth - 1));
    assert!(parse(&deep(10)).is_ok());
    assert_eq!(error(&deep(11)).code, "PGRST100");
}

#[test]
fn values_in_trees() {
    let tests = |text: &str| match query(&format!("or=({text})")).filters.pop() {
        Some(Node::Group { nodes, .. }) => nodes
            .into_iter()
            .map(|node| if let Node::Filter(filter) = node { filter } else { panic!("{node:?}") })
            .collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let values = tests(
        "a.adj.\"[18,21)\",a.cs.{1,{2,\"}\"}},a.eq.x y,a.not.in.(\"1\",2),a.eq.\"x\"y,b->c->0.not.is.null,a.like(any).{x*,y}",
    );
    assert_eq!(values[0].test, compare(Operator::Adjacent, "[18,21)"));
    assert_eq!(values[1].test, compare(Operator::Contains, "{1,{2,\"}\"}}"));
    assert_eq!(values[2].test, compare(Operator::Eq, "x y"));
    assert_eq!((values[3].negated, &values[3].test), (true, &Test::In(vec!["1".into(), "2".into()])));
    assert_eq!(values[4].test, compare(Operator::Eq, "\"x\"y"));
    assert_eq!(values[5].field.path, [step("c", false, false), step("0", true, false)]);
    assert!(matches!(&values[6].test, Test::Quantified { values, .. } if values == &["x%", "y"]));
    let braces_behind = tests("a.eq.\"x\"{b},a.eq.\"x\"}y");
    assert_eq!(braces_behind[0].test, compare(Operator::Eq, "\"x\"{b}"));
    assert_eq!(braces_behind[1].test, compare(Operator::Eq, "\"x\"}y"));
    assert_eq!(tests("a.plfts(german).Art Spass, b.eq.1")[1].field, field("b"));
    assert_eq!(error("or=(a.is.null x)").code, "PGRST100");
}

#[test]
fn columns_of_the_answer() {
    assert_eq!(query("select=*,a").select[0], Item::All);
    assert_eq!(query("select=").select, []);
    let plain = |column: &str| Column { field: field(column), alias: None, cast: None, aggregate: None, aggregate_cast: None };
    assert_eq!(column("a"), plain("a"));
    assert_eq!(column("fullName:full_name"), Column { alias: Some("fullName".into()), ..plain("full_name") });
    assert_eq!(column("\"x y\":a::text"), Column { alias: Some("x y".into()), cast: Some("text".into()), ..plain("a") });
    let nested = column("n:data->phones->0->>number::int");
    assert_eq!((nested.alias.as_deref(), nested.cast.as_deref(), nested.field.path.len()), (Some("n"), Some("int"), 3));
    for wrong in ["a,,b", "a,", ":a", "a:", "a:b:c", "*::text", "a:*", "a!hint", "a b:c d e:f", "a)", "(a)", "a::", "a;b"] {
        assert_eq!(error(&format!("select={wrong}")).code, "PGRST100", "{wrong}");
    }
    assert!(parse(&format!("select={}", ["a"; 200].join(","))).is_ok());
    assert_eq!(error(&format!("select={}", ["a"; 201].join(","))).code, "PGRST100");
}

#[test]
fn types_are_names_and_nothing_else() {
    for (text, cast) in [
        ("numeric(10,2)", "numeric(10,2)"),
        ("numeric( 10 , 2 )", "numeric(10,2)"),
        ("int4[]", "int4[]"),
        ("double  precision", "double precision"),
        ("timestamp(3) with time zone", "timestamp(3) with time zone"),
        ("public.mood", "public.mood"),
        ("\"My Mood\"[]", "\"My Mood\"[]"),
    ] {
        assert_eq!(column(&format!("a::{text}")).cast.as_deref(), Some(cast));
    }
    for wrong in [
        "text;x",
        "text'",
        "1x",
        "a.b.c",
        "numeric()",
        "numeric(1,2,3)",
        "numeric(a)",
        "int[x]",
        "a--b",
        "a/*",
        "\"a\"\"b\"",
        "\"\"",
        "$1",
        "text::int",
    ] {
        assert_eq!(error(&format!("select=a::{wrong}")).code, "PGRST100", "{wrong}");
    }
}

#[test]
fn aggregates() {
    let sum = column("total:amount.sum()::text");
    assert_eq!(
        (sum.alias.as_deref(), sum.aggregate, sum.aggregate_cast.as_deref()),
        (Some("total"), Some(Aggregate::Sum), Some("text"))
    );
    let cast = column("order_details->tax_amount::numeric.sum()");
    assert_eq!((cast.cast.as_deref(), cast.aggregate), (Some("numeric"), Some(Aggregate::Sum)));
    for (text, aggregate) in
        [("avg", Aggregate::Avg), ("min", Aggregate::Min), ("max", Aggregate::Max), ("count", Aggregate::Count)]
    {
        assert_eq!(column(&format!("a.{text}()")).aggregate, Some(aggregate));
    }
    let count = column("n:count()::int");
    assert_eq!(
        (count.field.column.as_str(), count.aggregate, count.aggregate_cast.as_deref()),
        ("", Some(Aggregate::Count), Some("int"))
    );
    assert_eq!(column("count"), column("\"count\""));
    assert_eq!(embed(&query("select=\"count\"(a)"), "count").target, "count");
    for wrong in ["a.mean()", "a.sum", "a.sum(b)", "count(a)", "a.sum().avg()", "sum()x"] {
        assert_eq!(error(&format!("select={wrong}")).code, "PGRST100", "{wrong}");
    }
}

#[test]
fn embedded_resources() {
    let all = query("select=title,d:directors!fk!inner(id,last_name),roles!left!by(*,actors()),...specs(camera),count");
    let directors = embed(&all, "d");
    assert_eq!(
        (directors.target.as_str(), directors.hint.as_deref(), directors.join),
        ("directors", Some("fk"), Some(Join::Inner))
    );
    let roles = embed(&all, "roles");
    assert_eq!((roles.hint.as_deref(), roles.join, roles.spread), (Some("by"), Some(Join::Left), false));
    assert_eq!(embed(&roles.query, "actors").query, Query::default());
    assert!(embed(&all, "specs").spread);
    assert_eq!(embed(&query("select=a!leftover(*)"), "a").hint.as_deref(), Some("leftover"));
    assert_eq!(embed(&query("select=a!\"inner\"(*)"), "a").hint.as_deref(), Some("inner"));
    for wrong in [
        "a(b",
        "a(b))",
        "a!(b)",
        "a!x!y(b)",
        "a!inner!left(b)",
        "a->b(c)",
        "a!x",
        "x:...a(b)",
        "...a",
        "a(,)",
        "a(b)c",
        "a::b(c)",
    ] {
        assert_eq!(error(&format!("select={wrong}")).code, "PGRST100", "{wrong}");
    }
    let deep = |depth: usize| format!("select={}*{}", "a(".repeat(depth), ")".repeat(depth));
    assert!(parse(&deep(10)).is_ok());
    assert_eq!(error(&deep(11)).code, "PGRST100");
    assert_eq!(error(&format!("select={}", ["a(*)"; 31].join(","))).code, "PGRST100");
}

#[test]
fn parameters_of_embedded_resources() {
    let all = query(
        "actors.order=last_name.desc&select=*,actors:people(name,roles(*))&actors.limit=10&actors.offset=2&people.name=eq.x\
         &actors.roles.or=(a.eq.1,b.eq.2)&actors.not.and=(a.eq.1)&actors.roles.data->>x=eq.y&actors=not.is.null",
    );
    let actors = embed(&all, "actors").query;
    assert_eq!((actors.order.len(), actors.limit, actors.offset), (1, Some(10), Some(2)));
    assert_eq!(actors.filters[0], is_eq("name", "x"));
    assert!(matches!(actors.filters[1], Node::Group { boolean: Boolean::And, negated: true, .. }));
    let roles = embed(&actors, "roles").query;
    assert!(matches!(roles.filters[0], Node::Group { boolean: Boolean::Or, negated: false, .. }));
    assert!(matches!(&roles.filters[1], Node::Filter(filter) if filter.field.path == [step("x", false, true)]));
    assert_eq!((all.filters.len(), all.limit), (1, None));
    for wrong in ["x.order=a", "x.limit=1", "x.a=eq.1", "x.or=(a.eq.1)", "a.x.name=eq.1"] {
        assert_eq!(error(&format!("select=a(*)&{wrong}")).code, "PGRST108", "{wrong}");
    }
    // Two of one table, under other names: only their names tell them apart.
    assert_eq!(error("select=x:a(*),y:a(*)&a.b=eq.1").code, "PGRST108");
    let both = query("select=x:a(*),y:a(*)&x.b=eq.1&y.b=eq.2");
    assert_eq!(embed(&both, "y").query.filters, [is_eq("b", "2")]);
}

#[test]
fn orders() {
    let order = |column: &str, descending, nulls_first| Order { relation: None, field: field(column), descending, nulls_first };
    assert_eq!(
        query("order=age.desc,height.asc, a.nullsfirst,b.desc.nullslast").order,
        [order("age", true, None), order("height", false, None), order("a", false, Some(true)), order("b", true, Some(false))]
    );
    let related = query("order=directors(last_name).desc,data->>age.asc,x(data->0)").order;
    assert_eq!(related[0], Order { relation: Some("directors".into()), ..order("last_name", true, None) });
    assert_eq!(related[1].field.path, [step("age", false, true)]);
    assert_eq!(related[2].field.path, [step("0", true, false)]);
    assert_eq!(query("order=").order, []);
    for wrong in ["a.up", "a,", "a.desc.asc", "a.nullsfirst.desc", "a.descc", "a.", "x(a,b)", "x(a", "a b.c", "a(b).x"] {
        assert_eq!(error(&format!("order={wrong}")).code, "PGRST100", "{wrong}");
    }
    assert_eq!(error(&format!("order={}", ["a"; 33].join(","))).code, "PGRST100");
}

#[test]
fn limits_and_offsets() {
    let page = query("limit=5&offset=10");
    assert_eq!((page.limit, page.offset), (Some(5), Some(10)));
    for (text, code) in [
        ("limit=-1", "PGRST103"),
        ("offset=-4", "PGRST103"),
        ("limit=x", "PGRST100"),
        ("limit=", "PGRST100"),
        ("limit=+1", "PGRST100"),
        ("limit=99999999999999999999", "PGRST100"),
        ("limit=1&limit=2", "PGRST100"),
        ("select=a&select=b", "PGRST100"),
        ("order=a&order=b", "PGRST100"),
    ] {
        assert_eq!(error(text).code, code, "{text}");
    }
    assert_eq!(error("limit=-1").details.as_deref(), Some("Limit should be greater than or equal to zero."));
}

#[test]
fn ranges() {
    assert_eq!(parse_range("0-9"), Ok(Some(Range { offset: 0, limit: Some(10) })));
    assert_eq!(parse_range("items=5-"), Ok(Some(Range { offset: 5, limit: None })));
    assert_eq!(parse_range("bytes=0-9"), Ok(None));
    assert_eq!(parse_range("-5"), Ok(None));
    assert_eq!(parse_range("9-3").unwrap_err().code, "PGRST103");
}

#[test]
fn parameters_of_the_root() {
    let all = query("columns=id,\"a,b\", name&on_conflict=a,b&after=abc-_1");
    assert_eq!(all.columns, Some(vec!["id".into(), "a,b".into(), "name".into()]));
    assert_eq!((all.on_conflict.map(|names| names.len()), all.after.as_deref()), (Some(2), Some("abc-_1")));
    assert_eq!(query("after=eq.1").filters, [is_eq("after", "1")]);
    assert_eq!(error("columns=").code, "PGRST100");
    assert_eq!(error("on_conflict=a,").code, "PGRST100");
}

#[test]
fn calls() {
    let (arguments, rest) =
        parse_call("a=1&b=x+y&a=eq.2&select=id&title=like.*W*&limit=3", &|name| matches!(name, "a" | "b" | "limit")).unwrap();
    let pairs: Vec<_> = arguments.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("a", "1"), ("b", "x y"), ("a", "eq.2")]);
    assert_eq!((rest.select.len(), rest.filters.len(), rest.limit), (1, 1, Some(3)));
    // What has no operator is meant as an argument, whether there is one or not.
    assert_eq!(parse_call("c=1&d=eq&e=x.y", &|_| false).unwrap().0.len(), 3);
    assert_eq!(parse_call("c=eq(any).1", &|_| false).unwrap_err().code, "PGRST100");
    assert_eq!(parse_call("after=xyz", &|_| false).unwrap().1.after.as_deref(), Some("xyz"));
    assert_eq!(parse_call("a.order=b", &|_| true).unwrap_err().code, "PGRST108");
}

#[test]
fn errors_name_the_place_and_say_what_to_write() {
    let wrong = error("age=noop.0");
    assert_eq!(wrong.message, "\"failed to parse filter (noop.0)\" (line 1, column 1)");
    let details = "unexpected 'n', expecting \"not\" or operator (eq, gt, ...), in the filter on 'age'";
    assert_eq!(wrong.details.as_deref(), Some(details));
    assert!(wrong.hint.unwrap().starts_with("Write column=eq.VALUE."));
    assert_eq!(
        error("select=id,clients(name[])").message,
        "\"failed to parse select parameter (id,clients(name[]))\" (line 1, column 16)"
    );
    let missing = error("select=a&actors.order=b");
    assert_eq!(missing.message, "'actors' is not an embedded resource in this request");
    for text in ["a", "a=1", "a=eq", "a=not.not.eq.1", "a=equals.1", "a=eq.%00", "a=eq.%ff", "%00=eq.1", "=eq.1"] {
        assert_eq!(error(text).code, "PGRST100", "{text}");
        assert!(error(text).hint.is_some(), "{text}");
    }
    let many = vec!["a=eq.1"; 101].join("&");
    assert_eq!(error(&many).message, "More than 100 filters.");
    assert!(error(&format!("a={}", "x".repeat(100_000))).message.len() < 300);
}
