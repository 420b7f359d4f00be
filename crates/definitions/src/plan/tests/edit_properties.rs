//! Edits lead where they say, and touch nothing else.

use proptest::prelude::*;

use super::code_properties::two_with_code;
use super::interpret_code::remember;
use super::properties::apply;
use super::*;
use crate::code::{Function, Returns, View};
use crate::edit::{ColumnChange, Edit, edit};
use crate::model::{Column, EnumType, ForeignKey, Index, IndexColumn, ReferentialAction};
use crate::{adopt, print};

fn name(letter: &'static str) -> impl Strategy<Value = String> + Clone {
    (0..5usize).prop_map(move |number| format!("{letter}{number}"))
}

fn on_columns() -> impl Strategy<Value = Edit> {
    let type_ = prop::sample::select(vec!["int", "bigint", "text", "varchar(5)", "mood", "txt"]);
    let default = prop::option::of(Just("1".to_owned()));
    prop_oneof![
        (name("t"), name("c"), type_.clone(), any::<bool>()).prop_map(|(table, name, type_, nullable)| Edit::AddColumn {
            table,
            column: Column { name, type_: type_.into(), nullable, ..Column::default() },
        }),
        (name("t"), name("c"), prop::option::of(type_), prop::option::of(any::<bool>()), prop::option::of(default)).prop_map(
            |(table, column, type_, nullable, default)| {
                let change = ColumnChange { type_: type_.map(str::to_owned), nullable, default, ..ColumnChange::default() };
                Edit::AlterColumn { table, column, change }
            }
        ),
        (name("t"), name("c"), name("c")).prop_map(|(table, column, new)| {
            Edit::AlterColumn { table, column, change: ColumnChange { new_name: Some(new), ..ColumnChange::default() } }
        }),
        (name("t"), name("c")).prop_map(|(table, column)| Edit::DropColumn { table, column }),
        (name("t"), name("c")).prop_map(|(table, column)| {
            let key = IndexKey::Column(format!("{column} desc"));
            let columns = vec![IndexColumn { key, operator_class: None, descending: false, nulls: None }];
            let index = Index { name: String::new(), columns, unique: false, method: "btree".into(), predicate: None };
            Edit::AddIndex { table, index }
        }),
        (name("t"), name("c")).prop_map(|(table, it)| Edit::DropIndex { name: format!("{table}_{it}_idx"), table }),
        (name("t"), name("c")).prop_map(|(table, it)| Edit::AddUnique { table, columns: vec![it], name: String::new() }),
        (name("t"), name("c")).prop_map(|(table, it)| Edit::AddCheck {
            table,
            name: String::new(),
            expression: format!("{it} is not null"),
        }),
        (name("t"), name("c"), prop::sample::select(vec!["key", "fkey"]))
            .prop_map(|(table, it, suffix)| Edit::DropConstraint { name: format!("{table}_{it}_{suffix}"), table }),
        (name("t"), name("c"), name("t")).prop_map(|(table, it, referenced_table)| {
            let (on_delete, on_update) = (ReferentialAction::Cascade, ReferentialAction::NoAction);
            let (columns, referenced_columns) = (vec![it], Vec::new());
            let key = ForeignKey { name: String::new(), columns, referenced_table, referenced_columns, on_delete, on_update };
            Edit::AddForeignKey { table, key }
        }),
    ]
}

fn on_things() -> impl Strategy<Value = Edit> {
    let view = (name("v"), name("t"), name("c")).prop_map(|(name, table, column)| View {
        query: format!("select {column}, 1 as one from {table}"),
        name,
        ..View::default()
    });
    let function =
        (name("f"), name("c"), prop::sample::select(vec!["int", "void", "setof t1", "v1"])).prop_map(|(name, body, returns)| {
            Function {
                name,
                arguments: vec![crate::Argument::new("a", "int", None)],
                returns: Returns::One(returns.into()),
                body: format!("select {body}"),
                ..Function::default()
            }
        });
    prop_oneof![
        name("t").prop_map(|name| {
            let columns = vec![Column { name: "c0".into(), type_: "int".into(), ..Column::default() }];
            let table = Table { name, columns, primary_key: vec!["c0".into()], ..Table::default() };
            Edit::CreateTable { table, access: Vec::new() }
        }),
        name("t").prop_map(Edit::DropTable),
        (name("t"), name("t")).prop_map(|(name, new_name)| Edit::RenameTable { name, new_name }),
        name("t").prop_map(|table| Edit::SetAccess { table, access: vec![("anon".into(), vec!["read".into()])] }),
        (name("t"), name("c")).prop_map(|(table, key)| Edit::AlterTable { table, primary_key: Some(vec![key]), comment: None }),
        Just(Edit::CreateEnum(EnumType { name: "hue".into(), values: vec!["red".into()], comment: None })),
        prop::sample::select(vec!["calm", "new"]).prop_map(|before| Edit::AddEnumValue {
            name: "mood".into(),
            value: "new".into(),
            before: Some(before.into()),
            after: None,
        }),
        Just(Edit::DropEnum("mood".into())),
        view.clone().prop_map(Edit::CreateView),
        view.prop_map(Edit::ReplaceView),
        name("v").prop_map(Edit::DropView),
        (name("v"), name("v")).prop_map(|(name, new_name)| Edit::RenameView { name, new_name }),
        function.clone().prop_map(Edit::CreateFunction),
        function.prop_map(Edit::ReplaceFunction),
        name("f").prop_map(Edit::DropFunction),
        (name("f"), name("f")).prop_map(|(name, new_name)| Edit::RenameFunction { name, new_name }),
    ]
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(prop_oneof![3 => on_columns(), 2 => on_things()], 1..4)
}

/// A database as one that files were applied to, and somebody worked in by hand.
fn database(first: &Definitions, by_hand: bool) -> Deployed {
    let mut database = deployed(first);
    if by_hand {
        let more = read(&[
            ("tables/own.yaml", "columns: {id: {type: integer, primary_key: true}, c9: text}\nindexes: [c9]"),
            ("views/seen.yaml", "select 1 as one"),
            ("functions/made.yaml", "returns: integer\nbody: select 1"),
        ]);
        let mut made = deployed(&more);
        made.tables.values_mut().for_each(|table| table.definition = None);
        made.views.values_mut().for_each(|view| view.definition = None);
        made.functions.iter_mut().for_each(|function| function.definition = None);
        database.tables.extend(made.tables);
        database.views.extend(made.views);
        database.functions.extend(made.functions);
    }
    database
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn edits_lead_where_they_say((_, first) in two_with_code(), edits in edits(), by_hand in any::<bool>()) {
        let mut database = database(&first, by_hand);
        if parse(&print(&first)).is_err() {
            return Ok(());
        }
        let before = database.clone();
        let Ok(edited) = edit(&database, &edits) else { return Ok(()) };
        // A database in memory knows less of what else a plan may not do than PostgreSQL: of calls in defaults, of views' columns.
        let mut tried = database.clone();
        if edited.plan.statements().try_for_each(|statement| super::interpreter::run(&mut tried, statement)).is_err() {
            return Ok(());
        }
        apply(&mut database, &edited.plan, &edited.definitions)?;
        remember(&mut database, &edited.definitions);
        let again = plan_from(&database, &edited.definitions);
        prop_assert!(again.is_empty(), "{:?}\n{}again:\n{}", edits, show(&edited.plan), show(&again));
        prop_assert_eq!(database.tables.get("own"), before.tables.get("own"));
        prop_assert_eq!(database.views.get("seen"), before.views.get("seen"));
        let drops = |edit: &Edit| matches!(edit, Edit::DropTable(_) | Edit::DropColumn { .. } | Edit::DropView(_) | Edit::DropEnum(_)
            | Edit::DropFunction(_) | Edit::DropIndex { .. } | Edit::DropConstraint { .. } | Edit::AlterTable { .. });
        if !edits.iter().any(drops) {
            let dropped = edited.plan.changes.iter().any(|it| it.description.starts_with("Drop the") && !it.description.contains("anew"));
            prop_assert!(!dropped, "{:?}\n{}", edits, show(&edited.plan));
        }
    }

    #[test]
    fn an_edit_that_changes_nothing_does_nothing((_, first) in two_with_code()) {
        if parse(&print(&first)).is_ok() && let Some(table) = first.tables.values().next() {
            let change = ColumnChange { nullable: Some(table.columns[0].nullable), ..ColumnChange::default() };
            let nothing = Edit::AlterColumn { table: table.name.clone(), column: table.columns[0].name.clone(), change };
            let edited = edit(&database(&first, true), &[nothing]).unwrap();
            prop_assert_eq!(show(&edited.plan), "");
        }
    }
}

#[test]
fn how_many_edits_are_done() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut planned, mut run) = (0, 0);
    for _ in 0..500 {
        let ((_, first), edits) = (two_with_code(), edits()).new_tree(&mut runner).unwrap().current();
        if parse(&print(&first)).is_ok()
            && let Ok(edited) = edit(&deployed(&first), &edits)
        {
            planned += 1;
            let mut database = deployed(&first);
            run +=
                usize::from(edited.plan.statements().all(|statement| super::interpreter::run(&mut database, statement).is_ok()));
        }
    }
    assert!(planned > 50 && run * 10 > planned * 8, "{planned} planned, {run} run");
}

const BLOG: [(&str, &str); 3] = [
    (
        "tables/posts.yaml",
        "columns: {id: {type: bigint, primary_key: true}, title: {type: text, check: title <> ''}, by: {type: bigint, references: people.id}}\nindexes: [title]",
    ),
    ("tables/people.yaml", "columns: {id: {type: bigint, primary_key: true}}"),
    ("views/titles.yaml", "select id, title from posts"),
];

#[test]
fn edits_in_one_call_follow_each_other() {
    let column = |name: &str, type_: &str| Column { name: name.into(), type_: type_.into(), ..Column::default() };
    let edits = [
        Edit::RenameTable { name: "people".into(), new_name: "authors".into() },
        Edit::AddColumn {
            table: "authors".into(),
            column: Column { default: Some("''".into()), ..column("name", "varchar(20)") },
        },
        Edit::AddUnique { table: "authors".into(), columns: vec!["name".into()], name: String::new() },
        Edit::AlterColumn {
            table: "posts".into(),
            column: "title".into(),
            change: ColumnChange { new_name: Some("heading".into()), ..ColumnChange::default() },
        },
        Edit::ReplaceView(View {
            name: "titles".into(),
            query: "select id, heading as title from posts".into(),
            ..View::default()
        }),
        Edit::DropIndex { table: "posts".into(), name: "posts_title_idx".into() },
    ];
    let edited = edit(&deployed(&read(&BLOG)), &edits).unwrap();
    insta::assert_snapshot!(show(&edited.plan));
}

#[test]
fn wrong_edits_are_refused_with_their_place() {
    let database = deployed(&read(&BLOG));
    let refused = |edits: &[Edit]| edit(&database, edits).map(|it| show(&it.plan)).unwrap_err();
    let column = |name: &str, type_: &str| Edit::AddColumn {
        table: "posts".into(),
        column: Column { name: name.into(), type_: type_.into(), ..Column::default() },
    };
    let mistakes = [
        refused(&[]),
        refused(&[column("good", "text"), column("bad", "txet")]),
        refused(&[column("Bad", "text")]),
        refused(&[column("title", "text")]),
        refused(&[column("x", "text; drop table posts")]),
        refused(&[Edit::DropTable("people".into())]),
        refused(&[Edit::DropTable("post".into())]),
        refused(&[Edit::DropColumn { table: "posts".into(), column: "titel".into() }]),
        refused(&[Edit::AddCheck { table: "posts".into(), name: String::new(), expression: "1) ; drop table posts".into() }]),
        refused(&[Edit::CreateView(View { name: "v".into(), query: "select 1; drop table posts".into(), ..View::default() })]),
        refused(&[Edit::CreateView(View { name: "posts".into(), query: "select 1".into(), ..View::default() })]),
        refused(&[Edit::SetAccess { table: "posts".into(), access: vec![("anon".into(), vec!["raed".into()])] }]),
        refused(&[Edit::DropFunction("f".into())]),
    ];
    let lines: String = mistakes.iter().flatten().map(|it| format!("{it}\n")).collect();
    insta::assert_snapshot!(lines);
}

#[test]
fn what_was_made_by_hand_can_be_dropped_and_managed_by_name() {
    let mut database = database(&read(&BLOG), true);
    let extra = DeployedIndex {
        name: "by_hand".into(),
        definition: "CREATE INDEX by_hand ON posts USING gin (title)".into(),
        ..DeployedIndex::default()
    };
    database.tables.get_mut("posts").unwrap().indexes.insert("by_hand".into(), extra);
    let edits = [
        Edit::DropIndex { table: "posts".into(), name: "by_hand".into() },
        Edit::DropView("seen".into()),
        Edit::DropFunction("made()".into()),
        Edit::AddColumn {
            table: "own".into(),
            column: Column { name: "more".into(), type_: "int".into(), nullable: true, ..Column::default() },
        },
    ];
    insta::assert_snapshot!(show(&edit(&database, &edits).unwrap().plan));
    assert!(adopt(&database).tables.contains_key("own"));
}

#[test]
fn roles_follow_renames_and_keep_what_they_name() {
    let role = "policies: [{resource: posts, actions: [read]}]\nscope_rules: [{resource: posts, field: title, operator: eq, value: x, actions: [read]}]\nfield_masks: [{resource: posts, fields: {by: hide}}]";
    let database = deployed(&read(&[BLOG[0], BLOG[1], ("roles/editor.yaml", role)]));
    let rename = ColumnChange { new_name: Some("heading".into()), ..ColumnChange::default() };
    let edits = [
        Edit::RenameTable { name: "posts".into(), new_name: "entries".into() },
        Edit::AlterColumn { table: "entries".into(), column: "title".into(), change: rename },
    ];
    let edited = edit(&database, &edits).unwrap();
    let rule = &edited.definitions.roles["editor"].scope_rules[0];
    assert_eq!((rule.resource.to_string(), rule.field.as_str()), ("entries".to_owned(), "heading"));
    assert!(edited.plan.changes.iter().any(|it| it.kind == "role"), "{}", show(&edited.plan));
    for edits in [Edit::DropColumn { table: "posts".into(), column: "by".into() }, Edit::DropTable("posts".into())] {
        let refused = edit(&database, &[edits]).map(|it| show(&it.plan)).unwrap_err();
        assert!(refused[0].message.contains("the role `editor` names"), "{}", refused[0]);
    }
    // An edit of something else leaves roles alone.
    let other =
        edit(&database, &[Edit::CreateEnum(EnumType { name: "hue".into(), values: vec!["red".into()], comment: None })]).unwrap();
    assert_eq!(other.plan.changes.len(), 1);
}
