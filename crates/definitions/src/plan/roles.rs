//! Roles. They have no SQL: what is stored is what applies.

use super::{Action, Change, Plan};
use crate::deployed::Deployed;
use crate::model::Definitions;
use crate::role::{ANON, Effect, Role, USER};

pub(super) fn plan(local: &Definitions, view: &Deployed, plan: &mut Plan) {
    for role in local.roles.values() {
        match view.roles.get(&role.name) {
            Some(before) if before == role => {}
            Some(before) => {
                let less = role.gives_less_than(before);
                let warning = if less { "; who has it may do or see less" } else { "" };
                let description = format!("Change the role `{}`: {}{warning}.", role.name, role.parts());
                plan.push(change(role, Action::Alter, description, less));
            }
            None => {
                let description = format!("Create the role `{}`: {}.", role.name, role.parts());
                plan.push(change(role, Action::Create, description, takes_away(role)));
            }
        }
    }
}

/// A new role takes something away where others give it: by what it denies, and from what tables give to everybody.
fn takes_away(role: &Role) -> bool {
    let denies = role.policies.iter().any(|policy| policy.effect == Effect::Deny);
    let everybody = [ANON, USER].contains(&role.name.as_str());
    denies || (everybody && !(role.scope_rules.is_empty() && role.field_masks.is_empty()))
}

/// Those that no file defines.
pub(super) fn drops(local: &Definitions, view: &Deployed) -> Vec<Change> {
    let gone = view.roles.values().filter(|role| !local.roles.contains_key(&role.name));
    gone.map(drop).collect()
}

pub(super) fn drop(role: &Role) -> Change {
    let allows = role.policies.iter().any(|policy| policy.effect == Effect::Allow);
    change(role, Action::Drop, format!("Drop the role `{}`: {}.", role.name, role.parts()), allows)
}

fn change(role: &Role, action: Action, description: String, breaking: bool) -> Change {
    Change { kind: "role", name: role.name.clone(), action, description, breaking, sql: Vec::new() }
}
