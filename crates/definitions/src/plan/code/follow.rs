//! Renames of views and functions, and what renames of other things mean for them.

use super::super::{Action, Change, Plan};
use super::{call, deployed_of, sql_of};
use crate::deployed::Deployed;
use crate::expression;
use crate::model::Definitions;
use crate::sql::{self, quote_identifier};

/// Renames what is there by its former name alone.
pub(in crate::plan) fn plan(local: &Definitions, view: &mut Deployed, plan: &mut Plan) {
    for wanted in local.views.values() {
        if let Some(old) = &wanted.renamed_from
            && !view.views.contains_key(&wanted.name)
            && let Some(mut there) = view.views.remove(old)
        {
            let target = sql::view(old, there.materialized);
            plan.push(rename("view", old, &wanted.name, &target));
            there.name.clone_from(&wanted.name);
            view.views.insert(wanted.name.clone(), there);
            relation_renamed(old, &wanted.name, view);
        }
    }
    for wanted in local.functions.values() {
        let Some(old) = &wanted.renamed_from else { continue };
        let former = crate::code::Function { name: old.clone(), ..wanted.clone() };
        let same_name = view.functions.iter().any(|it| it.name == wanted.name);
        let Some(there) = deployed_of(&former, view).filter(|_| !same_name).cloned() else { continue };
        plan.push(rename("function", old, &wanted.name, &sql_of(&there, local, view)));
        for function in view.functions.iter_mut().filter(|it| **it == there) {
            function.name.clone_from(&wanted.name);
            if let Some(definition) = &mut function.definition {
                definition.name.clone_from(&wanted.name);
            }
        }
        let (old_call, new_call) = (call(old), call(&wanted.name));
        for it in view.views.values_mut() {
            if it.uses.remove(&old_call) {
                it.uses.insert(new_call.clone());
                rename_in_query(it, old, &wanted.name);
            }
        }
    }
}

fn rename(kind: &'static str, old: &str, new: &str, target: &str) -> Change {
    Change {
        kind,
        name: new.to_owned(),
        action: Action::Rename,
        description: format!("Rename the {kind} `{old}` to `{new}`."),
        breaking: true,
        sql: vec![format!("ALTER {target} RENAME TO {}", quote_identifier(new))],
    }
}

/// PostgreSQL's views follow their tables. The query last applied follows as well, so that only a file that does not is a change.
pub(in crate::plan) fn table_renamed(old: &str, new: &str, view: &mut Deployed) {
    relation_renamed(old, new, view);
}

fn relation_renamed(old: &str, new: &str, view: &mut Deployed) {
    let column_of = format!("{old}.");
    for it in view.views.values_mut() {
        if it.uses.contains(old) {
            rename_in_query(it, old, new);
        }
        it.uses = std::mem::take(&mut it.uses)
            .into_iter()
            .map(|used| match used.strip_prefix(&column_of) {
                Some(column) => format!("{new}.{column}"),
                None if used == old => new.to_owned(),
                None => used,
            })
            .collect();
    }
    for function in &mut view.functions {
        let swap = |type_: &mut String| *type_ = expression::rename(type_, old, new);
        function.arguments.iter_mut().for_each(|(_, type_)| swap(type_));
        swap(&mut function.returns);
        if let Some(definition) = &mut function.definition {
            definition.arguments.iter_mut().for_each(|argument| swap(&mut argument.type_));
            definition.returns.rename_type(old, new);
        }
    }
}

fn rename_in_query(view: &mut crate::deployed::DeployedView, old: &str, new: &str) {
    if let Some(definition) = &mut view.definition {
        definition.query = expression::rename(&definition.query, old, new);
    }
}

/// A view keeps the name its column had: it is made anew, by what its file says now.
pub(in crate::plan) fn column_renamed(table: &str, old: &str, new: &str, view: &mut Deployed) {
    for it in view.views.values_mut() {
        if it.uses.remove(&format!("{table}.{old}")) {
            it.uses.insert(format!("{table}.{new}"));
            if let Some(definition) = &mut it.definition {
                definition.query.clear();
            }
        }
    }
}
