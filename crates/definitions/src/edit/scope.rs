//! What a call of edits is about. The rest of the schema is neither changed nor dropped, whatever somebody made of it by hand.

use std::collections::BTreeSet;

use crate::deployed::Deployed;
use crate::model::Definitions;
use crate::plan::{Extra, PlanOptions, plan};

pub(super) struct Scope {
    pub(super) definitions: Definitions,
    pub(super) deployed: Deployed,
}

/// Leaves out of the edited definitions what no edit touched and no definition manages, and hides from the plan all that is
/// deployed, said by no definition before, and not meant to be dropped.
pub(super) fn of(deployed: &Deployed, original: &Definitions, edited: Definitions, drops: &[(&'static str, String)]) -> Scope {
    let mut base = original.clone();
    let mut definitions = edited;
    let dropped_from: BTreeSet<&str> = drops.iter().filter_map(|(_, name)| Some(name.split_once('.')?.0)).collect();
    leave_out(&mut base, &mut definitions, |kind, name| match kind {
        "table" => !dropped_from.contains(name) && deployed.tables.get(name).is_some_and(|it| it.definition.is_none()),
        "view" => deployed.views.get(name).is_some_and(|it| it.definition.is_none()),
        _ => deployed.functions.iter().any(|it| it.name == name && it.definition.is_none()),
    });
    // What differs from its definition without an edit is for a sync of the files to mend, not for this one.
    if let Ok(drift) = plan(&base, deployed, PlanOptions::default()) {
        let drifted: BTreeSet<String> =
            drift.changes.iter().map(|it| it.name.split(['.', '(']).next().unwrap_or_default().to_owned()).collect();
        leave_out(&mut base, &mut definitions, |_, name| drifted.contains(name) && !dropped_from.contains(name));
    }
    let mut seen = deployed.clone();
    if let Ok(before) = plan(&base, deployed, PlanOptions::default()) {
        for extra in before.extra {
            if !drops.iter().any(|(kind, name)| extra.kind == *kind && extra.name == *name) {
                hide(&mut seen, &extra);
            }
        }
    }
    Scope { definitions, deployed: seen }
}

/// Removes from both what is the same in both and fits.
fn leave_out(base: &mut Definitions, edited: &mut Definitions, fits: impl Fn(&str, &str) -> bool) {
    base.tables.retain(|name, it| {
        let out = edited.tables.get(name) == Some(it) && fits("table", name);
        if out {
            edited.tables.remove(name);
        }
        !out
    });
    base.views.retain(|name, it| {
        let out = edited.views.get(name) == Some(it) && fits("view", name);
        if out {
            edited.views.remove(name);
        }
        !out
    });
    base.functions.retain(|name, it| {
        let out = edited.functions.get(name) == Some(it) && fits("function", name);
        if out {
            edited.functions.remove(name);
        }
        !out
    });
}

fn hide(deployed: &mut Deployed, extra: &Extra) {
    match (extra.kind, extra.name.split_once('.')) {
        ("table", _) => drop(deployed.tables.remove(&extra.name)),
        ("enum", _) => drop(deployed.enums.remove(&extra.name)),
        ("view", _) => drop(deployed.views.remove(&extra.name)),
        ("function", _) => deployed.functions.retain(|it| it.signature() != extra.name),
        (kind, Some((table, name))) => {
            let Some(table) = deployed.tables.get_mut(table) else { return };
            match kind {
                "column" => {
                    table.columns.retain(|it| it.name != name);
                    // What stands on it is not looked at either.
                    let on_it = |columns: &[String]| columns.iter().any(|it| it == name);
                    table.constraints.retain(|_, it| !on_it(&it.columns));
                    table.indexes.retain(|_, it| !on_it(&it.columns));
                }
                "constraint" => {
                    table.constraints.remove(name);
                    table.indexes.remove(name);
                }
                _ => drop(table.indexes.remove(name)),
            }
        }
        _ => {}
    }
}
