//! Any views and functions can follow any others, over any tables.

use proptest::prelude::*;

use super::interpret_code::{remember, shape};
use super::properties::{apply, two};
use super::*;
use crate::code::{Argument, Function, Language, Returns, View};

/// What a view reads, and what a function takes, answers and calls; what does not fit is left out.
#[derive(Clone, Debug)]
struct Dice {
    views: Vec<(u8, usize, usize, bool, bool)>,
    functions: Vec<(u8, usize, usize, u8, bool)>,
    default: bool,
}

fn dice() -> impl Strategy<Value = Dice> {
    (
        prop::collection::vec((0..5u8, 0..4usize, 0..5usize, any::<bool>(), prop::bool::weighted(0.2)), 4),
        prop::collection::vec((0..6u8, 0..4usize, 0..4usize, 0..3u8, prop::bool::weighted(0.2)), 3),
        any::<bool>(),
    )
        .prop_map(|(views, functions, default)| Dice { views, functions, default })
}

/// Adds views `v0` to `v3`, functions `f0` to `f2`, and `f9`, which a default may call.
fn with_code(mut definitions: Definitions, dice: &Dice) -> Definitions {
    for (number, (kind, table, column, invoker, renamed)) in dice.views.iter().enumerate() {
        let (name, table, column) = (format!("v{number}"), format!("t{table}"), format!("c{column}"));
        let has_column = definitions.tables.get(&table).is_some_and(|it| it.column(&column).is_some());
        let other = format!("v{}", (number + 1) % 4);
        let query = match kind {
            1 if has_column => format!("select {column}, 1 as one from {table}"),
            2 if has_column => format!("select 1 as one, {column} as other from {table} where {column} is not null"),
            // Views that read each other in a ring cannot be; so only upwards.
            3 if number < 3 && dice.views[number + 1].0 > 0 => format!("select one from {other}"),
            4 if dice.functions[number % 3].0 > 0 => format!("select 1 as one, f{}(1) as two", number % 3),
            0 => continue,
            _ => "select 1 as one".to_owned(),
        };
        let renamed_from = renamed.then(|| format!("v{}", number + 4));
        let view = View { name: name.clone(), query, security_invoker: *invoker, renamed_from, ..View::default() };
        definitions.views.insert(name, view);
    }
    for (number, (kind, table, other, defaults, renamed)) in dice.functions.iter().enumerate() {
        let (name, table) = (format!("f{number}"), format!("t{table}"));
        let (has_table, view) = (definitions.tables.contains_key(&table), format!("v{other}"));
        let calls_us = definitions.views.get(&view).is_none_or(|it| it.query.contains('f') || it.query.contains("from v"));
        let returns = match kind {
            0 => continue,
            2 if has_table => Returns::SetOf(table.clone()),
            3 if !calls_us => Returns::One(view),
            4 => Returns::Table(vec![Argument { name: "x".into(), type_: "text".into(), default: None }]),
            5 => Returns::Void,
            _ => Returns::One("integer".into()),
        };
        let argument = |name: &str, default: bool| Argument {
            name: name.into(),
            type_: "integer".into(),
            default: default.then(|| "1".to_owned()),
        };
        let arguments = match defaults {
            0 => vec![argument("a", false)],
            1 => vec![argument("b", true)],
            _ => vec![argument("a", false), argument("b", true)],
        };
        let renamed_from = renamed.then(|| format!("f{}", number + 4));
        let body = format!("select {other}");
        let function = Function { name: name.clone(), arguments, returns, body, renamed_from, ..Function::default() };
        definitions.functions.insert(name, function);
    }
    if dice.default {
        let called = Function {
            name: "f9".into(),
            returns: Returns::One("integer".into()),
            language: if dice.views[0].3 { Language::Sql } else { Language::Plpgsql },
            body: format!("select {}", dice.views[0].1),
            ..Function::default()
        };
        definitions.functions.insert("f9".into(), called);
        for column in definitions.tables.values_mut().flat_map(|table| &mut table.columns) {
            if column.default.is_some() && column.type_ == "integer" {
                column.default = Some("f9()".into());
            }
        }
    }
    definitions
}

pub(super) fn two_with_code() -> impl Strategy<Value = (Definitions, Definitions)> {
    (two(), dice(), dice()).prop_map(|((first, second), some, more)| (with_code(first, &some), with_code(second, &more)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_deployed_needs_nothing((_, wanted) in two_with_code()) {
        prop_assert_eq!(show(&plan_from(&deployed(&wanted), &wanted)), "");
    }

    #[test]
    fn with_prune_nothing_else_is_left((first, wanted) in two_with_code()) {
        let mut database = Deployed::default();
        apply(&mut database, &plan_from(&Deployed::default(), &first), &first)?;
        remember(&mut database, &first);
        let plan = prune_from(&database, &wanted);
        apply(&mut database, &plan, &wanted)?;
        remember(&mut database, &wanted);
        let again = prune_from(&database, &wanted);
        prop_assert!(again.is_empty() && again.extra.is_empty(), "first:\n{}again:\n{}", show(&plan), show(&again));
        let mut fresh = Deployed::default();
        apply(&mut fresh, &plan_from(&Deployed::default(), &wanted), &wanted)?;
        prop_assert_eq!(shape(&database), shape(&fresh), "{}", show(&plan));
    }

    #[test]
    fn no_body_ends_its_quote(body in "[$a-z0-9; '\n-]{1,40}") {
        if let Ok(body) = crate::code::normalise_body(&body) {
            let function = Function { name: "f".into(), body: body.clone(), ..Function::default() };
            let statement = sql::create_function(&function, false, |_| false);
            let (_, quoted) = statement.split_once("\nAS ").unwrap();
            let tag = &quoted[..quoted[1..].find('$').unwrap() + 2];
            prop_assert_eq!(quoted.strip_prefix(tag).unwrap().find(tag), Some(body.len() + 2));
            prop_assert!(quoted.ends_with(tag));
        }
    }

    #[test]
    fn no_query_is_two(text in "[ a-zE'\"();,\\\\$/*\n-]{0,40}") {
        if let Ok(query) = crate::code::normalise_query(&format!("select {text}")) {
            prop_assert_eq!(crate::code::normalise_query(&query), Ok(query.clone()));
            let outside: String = query.split('\'').step_by(2).collect::<String>().split('"').step_by(2).collect();
            prop_assert!(query.contains("E'") || query.contains("e'") || !outside.contains(';'), "{}", query);
        }
    }

    #[test]
    fn no_text_makes_the_parser_fail(content in "[ -~\n]{0,200}", view in any::<bool>()) {
        let path = if view { "views/x.yaml" } else { "functions/x.yaml" };
        let _ = parse(&[SourceFile { path: path.into(), content }]);
    }
}
