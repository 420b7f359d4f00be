//! What holds for every text and every query.

#![allow(unreachable_pub, reason = "the printer is shared with the fuzzer, as a module of each")]

mod print;

use std::collections::HashSet;

use cloche_dialect::{
    Aggregate, Boolean, Column, Embed, Field, Filter, Is, Item, Join, Node, Operator, Order, Quantifier, Query, Step, Test,
    parse, parse_preferences, parse_range,
};
use print::{encode, print, quote};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        "[^\0]{1,10}",
        select(vec!["not", "and", "or", "count", "inner", "order", "*", "a.order", "after"]).prop_map(Into::into)
    ]
}

fn value() -> impl Strategy<Value = String> {
    "[^\0]{0,10}"
}

fn field() -> impl Strategy<Value = Field> {
    let key = prop_oneof![value().prop_map(|key| (key, false)), any::<i32>().prop_map(|index| (index.to_string(), true))];
    let step = (key, any::<bool>()).prop_map(|((key, is_index), as_text)| Step { key, is_index, as_text });
    (name(), vec(step, 0..3)).prop_map(|(column, path)| Field { column, path })
}

fn test() -> impl Strategy<Value = Test> {
    use Operator::*;
    let plain = vec![
        Eq,
        Neq,
        Gt,
        Gte,
        Lt,
        Lte,
        Match,
        Imatch,
        IsDistinct,
        Contains,
        Contained,
        Overlap,
        StrictlyLeft,
        StrictlyRight,
        NotExtendRight,
        NotExtendLeft,
        Adjacent,
    ];
    let quantifier = select(vec![Quantifier::Any, Quantifier::All]);
    let language = of(select(vec!["english".to_owned(), "my_config".to_owned()]));
    prop_oneof![
        (select(plain), value()).prop_map(|(operator, value)| Test::Compare { operator, value }),
        // A star cannot be asked for.
        (select(vec![Like, Ilike]), "[^\0*]{0,8}").prop_map(|(operator, value)| Test::Compare { operator, value }),
        (select(vec![Eq, Gt, Gte, Lt, Lte, Like, Ilike, Match, Imatch]), quantifier, vec("[^\0*]{0,8}", 0..4))
            .prop_map(|(operator, quantifier, values)| Test::Quantified { operator, quantifier, values }),
        vec(value(), 0..4).prop_map(Test::In),
        select(vec![Is::Null, Is::NotNull, Is::True, Is::False, Is::Unknown]).prop_map(Test::Is),
        (select(vec![Fts, PlainFts, PhraseFts, WebFts]), language, value())
            .prop_map(|(operator, language, value)| Test::Search { operator, language, value }),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = (field(), any::<bool>(), test()).prop_map(|(field, negated, test)| Node::Filter(Filter { field, negated, test }));
    leaf.prop_recursive(3, 8, 3, |node| {
        let boolean = select(vec![Boolean::And, Boolean::Or]);
        (boolean, any::<bool>(), vec(node, 1..3)).prop_map(|(boolean, negated, nodes)| Node::Group { boolean, negated, nodes })
    })
}

fn column() -> impl Strategy<Value = Item> {
    let cast = || {
        let named = vec![
            "text",
            "numeric(10,2)",
            "int4[]",
            "double precision",
            "timestamp(3) with time zone",
            "public.mood",
            "\"My Mood\"",
        ];
        of(prop_oneof![select(named).prop_map(ToOwned::to_owned), "[a-z_][a-z0-9_]{0,8}"])
    };
    let aggregate = of(select(vec![Aggregate::Count, Aggregate::Sum, Aggregate::Avg, Aggregate::Min, Aggregate::Max]));
    (field(), of(name()), cast(), aggregate, cast(), any::<bool>()).prop_map(|(field, alias, cast, aggregate, other, all)| {
        let column = Column { field, alias, cast, aggregate, aggregate_cast: other.filter(|_| aggregate.is_some()) };
        Item::Column(if column.aggregate == Some(Aggregate::Count) && all {
            Column { field: Field { column: String::new(), path: Vec::new() }, cast: None, ..column }
        } else {
            column
        })
    })
}

fn order() -> impl Strategy<Value = Order> {
    (of(name()), field(), any::<bool>(), of(any::<bool>())).prop_map(|(relation, field, descending, nulls_first)| Order {
        relation,
        field,
        descending,
        nulls_first,
    })
}

fn number() -> impl Strategy<Value = Option<u64>> {
    of(0..i64::MAX.unsigned_abs())
}

fn level(select: impl Strategy<Value = Vec<Item>>) -> impl Strategy<Value = Query> {
    (select, vec(node(), 0..3), vec(order(), 0..3), number(), number()).prop_map(|(mut select, filters, order, limit, offset)| {
        // Of two with one name, a parameter reaches the first alone.
        let mut names = HashSet::new();
        select.retain(|item| !matches!(item, Item::Embed(embed) if !names.insert(embed.name().to_owned())));
        Query { select, filters, order, limit, offset, ..Query::default() }
    })
}

fn query() -> impl Strategy<Value = Query> {
    let item = || prop_oneof![1 => Just(Item::All), 4 => column()];
    let leaf = level(vec(item(), 0..3));
    let nested = leaf.prop_recursive(3, 8, 2, move |query| {
        let join = of(select(vec![Join::Inner, Join::Left]));
        let embed = (of(name()), name(), of(name()), join, any::<bool>(), query).prop_map(
            |(alias, target, hint, join, spread, query)| {
                Item::Embed(Embed { alias: alias.filter(|_| !spread), target, hint, join, spread, query })
            },
        );
        level(vec(prop_oneof![item(), embed], 0..4))
    });
    let names = || of(vec(name(), 1..4));
    (nested, of("[A-Za-z0-9_-]{0,20}"), names(), names()).prop_map(|(query, after, columns, on_conflict)| Query {
        after,
        columns,
        on_conflict,
        ..query
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_query_that_is_written_down_is_read_as_it_was(query in query()) {
        let text = print(&query);
        prop_assert_eq!(parse(&text), Ok(query), "{}", text);
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,80}") {
        let _ = parse(&text);
        let _ = parse_range(&text);
        let _ = parse_preferences([text.as_str()].into_iter());
    }

    #[test]
    fn nothing_of_the_dialects_own_panics(
        text in "(select=|order=|and=|or=|a=|not\\.|in\\.|is\\.|eq\\.|eq\\(any\\)|fts|->>?|::|!|\\.\\.\\.|[(){}\\[\\],.:\"*&%\\\\ ]|%22|%5C|é|b|1){0,24}"
    ) {
        let _ = parse(&text);
    }

    #[test]
    fn every_value_comes_through_as_it_was(value in "[^\0]{0,40}") {
        let compare = Test::Compare { operator: Operator::Eq, value: value.clone() };
        let filter = |test| Node::Filter(Filter { field: Field { column: "a".into(), path: vec![] }, negated: false, test });
        prop_assert_eq!(parse(&format!("a=eq.{}", encode(&value))).unwrap().filters, vec![filter(compare.clone())]);
        let quoted = encode(&quote(&value));
        let list = Test::In(vec![value.clone(), value]);
        prop_assert_eq!(parse(&format!("a=in.({quoted},{quoted})")).unwrap().filters, vec![filter(list.clone())]);
        let nodes = vec![filter(compare), filter(list)];
        let tree = Node::Group { boolean: Boolean::Or, negated: false, nodes };
        prop_assert_eq!(parse(&format!("or=(a.eq.{quoted},a.in.({quoted},{quoted}))")).unwrap().filters, vec![tree]);
    }
}
