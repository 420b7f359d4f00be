//! Any definitions can follow any others.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::interpreter::{as_defined, run};
use super::*;
use crate::model::{Access, Check, Column, EnumType, ForeignKey, Index, IndexColumn, Unique, Verb};
use crate::{names, types};

const TYPES: [&str; 6] = ["integer", "bigint", "text", "character varying(5)", "uuid", "mood"];

/// The dice for one table: what does not fit together is left out when the table is built.
#[derive(Clone, Debug)]
struct Dice {
    there: bool,
    columns: Vec<(bool, usize, bool, Option<u8>, bool)>,
    key: Vec<bool>,
    unique: Vec<Vec<bool>>,
    index: Vec<(Vec<bool>, bool, bool, bool)>,
    checks: Vec<Option<(usize, u8)>>,
    links: Vec<(usize, usize, u8)>,
    verbs: u8,
    renamed: usize,
}

fn flags() -> impl Strategy<Value = Vec<bool>> {
    prop::collection::vec(prop::bool::weighted(0.35), 5)
}

fn dice() -> impl Strategy<Value = Dice> {
    (
        prop::bool::weighted(0.75),
        prop::collection::vec(
            (prop::bool::weighted(0.7), 0..TYPES.len(), any::<bool>(), prop::option::of(0..3u8), prop::bool::weighted(0.2)),
            5,
        ),
        flags(),
        prop::collection::vec(flags(), 0..3),
        prop::collection::vec((flags(), any::<bool>(), any::<bool>(), any::<bool>()), 0..3),
        prop::collection::vec(prop::option::of((0..5usize, 0..2u8)), 2),
        prop::collection::vec((0..5usize, 0..4usize, 0..3u8), 0..3),
        0..4u8,
        0..8usize,
    )
        .prop_map(|(there, columns, key, unique, index, checks, links, verbs, renamed)| Dice {
            there,
            columns,
            key,
            unique,
            index,
            checks,
            links,
            verbs,
            renamed,
        })
}

fn build(dice: &[Dice], moods: usize) -> Definitions {
    let values: Vec<String> = ["calm", "glad", "sad"].iter().take(moods).map(|it| (*it).into()).collect();
    let enums = BTreeMap::from([("mood".to_owned(), EnumType { name: "mood".into(), values, comment: None })]);
    let mut definitions = Definitions { enums, ..Definitions::default() };
    for (number, dice) in dice.iter().enumerate().filter(|(_, dice)| dice.there) {
        let table = table(&format!("t{number}"), dice);
        definitions.tables.insert(table.name.clone(), table);
    }
    let without_links = definitions.clone();
    for (number, dice) in dice.iter().enumerate() {
        if let Some(table) = definitions.tables.get_mut(&format!("t{number}")) {
            links(table, dice, &without_links);
            // Every eighth table was another before.
            let old = format!("t{}", dice.renamed);
            table.renamed_from = Some(old).filter(|old| dice.renamed < number && !without_links.tables.contains_key(old));
        }
    }
    let mut former = BTreeSet::new();
    for table in definitions.tables.values_mut() {
        table.renamed_from = table.renamed_from.take().filter(|old| former.insert(old.clone()));
    }
    definitions
}

fn table(name: &str, dice: &Dice) -> Table {
    let mut table = Table { name: name.into(), ..Table::default() };
    for (number, (there, type_, nullable, default, identity)) in dice.columns.iter().enumerate() {
        if *there || number == 0 {
            let type_ = TYPES[*type_];
            let identity = *identity && matches!(type_, "integer" | "bigint");
            table.columns.push(Column {
                name: format!("c{number}"),
                type_: type_.into(),
                nullable: *nullable && !identity && !dice.key[number],
                default: default.filter(|_| !identity).map(|it| it.to_string()),
                identity,
                ..Column::default()
            });
        }
    }
    let pick = |flags: &[bool]| -> Vec<String> {
        let known = (0..5).filter(|number| flags[*number]).map(|number| format!("c{number}"));
        known.filter(|name| table.columns.iter().any(|column| column.name == *name)).collect()
    };
    let key = pick(&dice.key);
    let mut uniques: Vec<Unique> = Vec::new();
    for columns in dice.unique.iter().map(|flags| pick(flags)).filter(|columns| !columns.is_empty() && *columns != key) {
        if !uniques.iter().any(|other| other.columns == columns) {
            uniques.push(Unique { name: names::generate(name, &columns, "key"), columns });
        }
    }
    let mut indexes: Vec<Index> = Vec::new();
    for (flags, unique, partial, descending) in &dice.index {
        let columns = pick(flags);
        let index_name = names::generate(name, &columns, "idx");
        if columns.is_empty() || indexes.iter().any(|other| other.name == index_name) {
            continue;
        }
        let predicate = partial.then(|| format!("{} IS NOT NULL", columns[0]));
        let columns = columns
            .into_iter()
            .map(|it| IndexColumn { key: IndexKey::Column(it), operator_class: None, descending: *descending, nulls: None })
            .collect();
        indexes.push(Index { name: index_name, columns, unique: *unique, method: "btree".into(), predicate });
    }
    for (number, check) in dice.checks.iter().enumerate() {
        if let Some((column, form)) = check
            && table.columns.iter().any(|it| it.name == format!("c{column}"))
        {
            let expression = format!("c{column} IS NOT NULL OR {form} = {form}");
            table.checks.push(Check { name: format!("check_{number}"), expression });
        }
    }
    for number in 0..5usize {
        // A column may have been the next one before.
        let old = format!("c{}", (number + 1) % 5);
        if dice.renamed == number
            && !table.columns.iter().any(|it| it.name == old)
            && let Some(column) = table.columns.iter_mut().find(|it| it.name == format!("c{number}"))
        {
            column.renamed_from = Some(old);
        }
    }
    (table.primary_key, table.uniques, table.indexes) = (key, uniques, indexes);
    let verbs = [Verb::Read, Verb::Create].into_iter().enumerate().filter(|(bit, _)| dice.verbs >> bit & 1 == 1);
    table.access = Access {
        anon: verbs.map(|(_, verb)| verb).collect(),
        user: [Verb::Update].into_iter().take(usize::from(dice.verbs / 4)).collect(),
    };
    table
}

fn links(table: &mut Table, dice: &Dice, all: &Definitions) {
    for (column, target, action) in &dice.links {
        let name = format!("c{column}");
        let (Some(ours), Some(target)) = (table.column(&name), all.tables.get(&format!("t{target}"))) else { continue };
        let keys = [&target.primary_key].into_iter().chain(target.uniques.iter().map(|it| &it.columns));
        let Some(key) = keys.into_iter().find(|it| it.len() == 1) else { continue };
        let comparable = target.column(&key[0]).is_some_and(|theirs| types::comparable(&theirs.type_, &ours.type_));
        if !comparable || table.foreign_keys.iter().any(|it| it.columns[0] == name) {
            continue;
        }
        table.foreign_keys.push(ForeignKey {
            name: names::generate(&table.name, &[&name], "fkey"),
            columns: vec![name],
            referenced_table: target.name.clone(),
            referenced_columns: key.clone(),
            on_delete: [ReferentialAction::NoAction, ReferentialAction::Cascade, ReferentialAction::Restrict]
                [usize::from(*action)],
            on_update: ReferentialAction::NoAction,
        });
    }
}

/// What was there before, and what is wanted. Values of an enum never go.
pub(super) fn two() -> impl Strategy<Value = (Definitions, Definitions)> {
    (prop::collection::vec(dice(), 4), prop::collection::vec(dice(), 4), 1..=3usize, 1..=3usize)
        .prop_map(|(first, second, some, more)| (build(&first, some.min(more)), build(&second, some.max(more))))
}

/// Applies a plan to a database in memory, and remembers the definitions as the server does.
pub(super) fn apply(database: &mut Deployed, plan: &Plan, local: &Definitions) -> Result<(), TestCaseError> {
    for statement in plan.statements() {
        one_statement(statement)?;
        if let Err(error) = run(database, statement) {
            return Err(TestCaseError::fail(format!("{error}\nin: {statement}\nof:\n{}", show(plan))));
        }
    }
    for (name, table) in &mut database.tables {
        table.definition = local.tables.get(name).cloned();
    }
    Ok(())
}

/// No `;` outside of quotes, every quote closed.
fn one_statement(statement: &str) -> Result<(), TestCaseError> {
    let outside: String = statement.split('\'').step_by(2).collect::<String>().split('"').step_by(2).collect();
    prop_assert!(!outside.contains(';') && !outside.contains("--"), "{}", statement);
    prop_assert_eq!(statement.matches('\'').count() % 2, 0);
    prop_assert_eq!(statement.matches('"').count() % 2, 0);
    Ok(())
}

/// A table in the words of its definition, without names and order, which may differ.
fn shape(table: &DeployedTable) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut columns: Vec<String> = table.columns.iter().map(|it| format!("{:?}", as_defined(it))).collect();
    let mut constraints: Vec<String> = table
        .constraints
        .values()
        .map(|it| {
            let mut on = if it.kind == ConstraintKind::Check { vec![it.name.clone()] } else { it.columns.clone() };
            on.sort();
            format!("{:?} {on:?} {:?} {:?} {:?}", it.kind, it.referenced_table, it.referenced_columns, it.on_delete)
        })
        .collect();
    let plain = table.indexes.values().filter(|it| matching::plain_index(table, &it.name).is_some());
    let mut indexes: Vec<String> = plain.map(|it| format!("{:?} {} {:?}", it.columns, it.unique, it.predicate)).collect();
    columns.sort();
    constraints.sort();
    indexes.sort();
    (columns, constraints, indexes)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_deployed_needs_nothing((_, wanted) in two()) {
        let plan = plan_from(&deployed(&wanted), &wanted);
        prop_assert_eq!(show(&plan), "");
    }

    #[test]
    fn a_plan_leads_there((first, wanted) in two()) {
        let mut database = Deployed::default();
        apply(&mut database, &plan_from(&Deployed::default(), &first), &first)?;
        let plan = plan_from(&database, &wanted);
        apply(&mut database, &plan, &wanted)?;
        let again = plan_from(&database, &wanted);
        prop_assert!(again.is_empty(), "first:\n{}again:\n{}", show(&plan), show(&again));
    }

    #[test]
    fn with_prune_nothing_else_is_left((first, wanted) in two()) {
        let mut database = Deployed::default();
        apply(&mut database, &plan_from(&Deployed::default(), &first), &first)?;
        let plan = prune_from(&database, &wanted);
        apply(&mut database, &plan, &wanted)?;
        let again = prune_from(&database, &wanted);
        prop_assert!(again.is_empty() && again.extra.is_empty(), "first:\n{}again:\n{}", show(&plan), show(&again));
        let mut fresh = Deployed::default();
        apply(&mut fresh, &plan_from(&Deployed::default(), &wanted), &wanted)?;
        prop_assert_eq!(database.tables.keys().collect::<Vec<_>>(), fresh.tables.keys().collect::<Vec<_>>());
        for (name, table) in &fresh.tables {
            prop_assert_eq!(shape(&database.tables[name]), shape(table), "{}\n{}", name, show(&plan));
        }
    }

    #[test]
    fn plans_are_repeatable((first, wanted) in two()) {
        let (one, two) = (plan_from(&deployed(&first), &wanted), plan_from(&deployed(&first), &wanted));
        prop_assert_eq!(one.hash(), two.hash());
        let text = serde_json::to_string(&wanted).unwrap();
        prop_assert_eq!(serde_json::from_str::<Definitions>(&text).unwrap(), wanted);
    }

    #[test]
    fn no_text_makes_the_parser_fail(content in "[ -~\n]{0,200}", table in any::<bool>()) {
        let path = if table { "tables/x.yaml" } else { "enums/x.yaml" };
        let _ = parse(&[SourceFile { path: path.into(), content }]);
    }

    #[test]
    fn no_expression_ends_a_statement(text in "[ a-zE'\"();,\\\\$/*-]{0,40}") {
        if let Ok(expression) = crate::expression::normalise(&text) {
            prop_assert_eq!(crate::expression::normalise(&expression), Ok(expression.clone()));
        }
    }
}
