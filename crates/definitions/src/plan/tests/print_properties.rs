//! What is printed is read back as it was; what is deployed can be said.

use proptest::prelude::*;

use super::code_properties::two_with_code;
use super::*;
use crate::code::{Function, View};
use crate::{adopt, print};

fn bare(mut definitions: Definitions) -> Definitions {
    for table in definitions.tables.values_mut() {
        table.renamed_from = None;
        table.columns.iter_mut().for_each(|column| column.renamed_from = None);
    }
    definitions.views.values_mut().for_each(|view| view.renamed_from = None);
    definitions.functions.values_mut().for_each(|function| function.renamed_from = None);
    definitions
}

fn show_files(definitions: &Definitions) -> String {
    print(definitions).iter().map(|file| format!("{}\n{}", file.path, file.content)).collect()
}

/// Any text, also one that looks like YAML.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{1,20}", "\\PC{1,20}", "[a-z:#{}\\[\\],&*!|>'\"%@`\n\t -]{1,20}", Just("null".to_owned())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn files_say_what_was_printed((_, wanted) in two_with_code()) {
        let read = parse(&print(&wanted));
        // Not all that the dice make could be in files; what they refuse is not what this is about.
        if let Ok(read) = read {
            prop_assert_eq!(&read, &wanted, "{}", show_files(&wanted));
        }
    }

    #[test]
    fn any_text_comes_back(comment in text(), value in text(), body in text(), lines in prop::collection::vec(text(), 1..4)) {
        let mut wanted = read(&[("tables/t.yaml", "columns: {a: text}")]);
        let table = wanted.tables.get_mut("t").unwrap();
        table.comment = Some(comment.trim().to_owned()).filter(|it| !it.is_empty());
        if let Ok(text) = crate::expression::normalise(&format!("'{}'", value.replace('\'', "''"))) {
            table.columns[0].default = Some(text);
        }
        if let Ok(body) = crate::code::normalise_body(&format!("{body}\n{}", lines.join("\n"))) {
            wanted.functions.insert("f".into(), Function { name: "f".into(), body, ..Function::default() });
        }
        let query = format!("select '{}'\n  from t", lines.join("\n").replace('\'', ""));
        if let Ok(query) = crate::code::normalise_query(&query) {
            wanted.views.insert("v".into(), View { name: "v".into(), query, ..View::default() });
        }
        let again = parse(&print(&wanted));
        prop_assert_eq!(again, Ok(wanted.clone()), "{}", show_files(&wanted));
    }

    #[test]
    fn what_is_deployed_is_said_as_it_was_defined((_, wanted) in two_with_code()) {
        if parse(&print(&wanted)).is_ok() {
            let database = deployed(&wanted);
            let said = adopt(&database);
            prop_assert_eq!(&said, &bare(wanted.clone()));
            prop_assert_eq!(show(&plan_from(&database, &said)), "");
        }
    }

    #[test]
    fn what_was_made_by_hand_is_only_adopted((_, wanted) in two_with_code()) {
        let mut database = deployed(&wanted);
        for table in database.tables.values_mut() {
            table.definition = None;
            table.columns.iter_mut().for_each(|it| it.default = it.default.take().map(|text| text.replace("::printed", "")));
            table.constraints.retain(|_, it| it.kind != ConstraintKind::Check);
        }
        let plan = plan_from(&database, &Definitions { views: BTreeMap::new(), functions: BTreeMap::new(), ..adopt(&database) });
        prop_assert!(plan.changes.iter().all(|change| change.kind == "access"), "{}", show(&plan));
    }
}

#[test]
fn files_look_as_a_person_would_write_them() {
    let wanted = read(&[
        ("enums/mood.yaml", "values: [calm, 'not: calm', \"it's\"]\ncomment: how it is"),
        (
            "tables/posts.yaml",
            "columns:\n  id: {type: uuid, primary_key: true, default: gen_random_uuid()}\n  title: text\n  slug: {type: text, unique: true, check: \"slug <> ''\"}\n  by: {type: uuid, references: posts.id, on_delete: cascade, nullable: true}\nindexes: [title, [by, title desc], {columns: ['lower(title)'], where: \"slug <> 'a'\", name: low}]\nuniques: [[title, slug]]\nchecks: {long: length(title) > 3}\naccess: {anon: [read, create]}\ncomment: 'all: of them'",
        ),
        ("views/v.yaml", "select id,\n  title\nfrom posts"),
        (
            "functions/f.yaml",
            "arguments: {a: int, b: {type: 'text[]', default: \"'{}'\"}}\nreturns: {x: text, y: posts}\nvolatility: stable\nbody: |\n  select 'a', p\n    from posts p;\n\n  -- done",
        ),
    ]);
    insta::assert_snapshot!(show_files(&wanted));
    assert_eq!(parse(&print(&wanted)), Ok(wanted));
}
