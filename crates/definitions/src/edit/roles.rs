//! Roles name tables, columns, views and functions: they follow renames, and what they name is not dropped behind their backs.

use super::apply::Refusal;
use crate::model::Definitions;
use crate::role::{Resource, Role};

/// Refuses to drop what a role names: a resource, or one column of it.
pub(super) fn refuse(definitions: &Definitions, resource: &Resource, column: Option<&str>) -> Result<(), Refusal> {
    let names = |role: &&Role| {
        let rules = role.scope_rules.iter().filter(|it| it.resource == *resource);
        let masks = || role.field_masks.iter().filter(|it| it.resource == *resource);
        match column {
            None => role.policies.iter().any(|it| it.resource == *resource) || rules.count() > 0 || masks().count() > 0,
            Some(column) => {
                let allowed = |it: &crate::role::FieldMask| it.allow.as_ref().is_some_and(|allow| allow.contains(column));
                rules.into_iter().any(|it| it.field == column) || masks().any(|it| it.fields.contains_key(column) || allowed(it))
            }
        }
    };
    let Some(role) = definitions.roles.values().find(names) else { return Ok(()) };
    let what = column.map_or_else(String::new, |column| format!("the column `{column}` of "));
    let hint = Some(format!("change the role `{}` first", role.name));
    Err((format!("the role `{}` names {what}`{resource}`", role.name), hint))
}

/// A table, view or function has another name.
pub(super) fn rename(definitions: &mut Definitions, old: &Resource, new: &Resource) {
    let swap = |resource: &mut Resource| {
        if resource == old {
            resource.clone_from(new);
        }
    };
    for role in definitions.roles.values_mut() {
        role.policies.iter_mut().for_each(|it| swap(&mut it.resource));
        role.scope_rules.iter_mut().for_each(|it| swap(&mut it.resource));
        role.field_masks.iter_mut().for_each(|it| swap(&mut it.resource));
    }
}

/// A column of a table has another name.
pub(super) fn rename_column(definitions: &mut Definitions, table: &str, old: &str, new: &str) {
    let is_of = |resource: &Resource| matches!(resource, Resource::Table(name) if name == table);
    for role in definitions.roles.values_mut() {
        for rule in role.scope_rules.iter_mut().filter(|it| is_of(&it.resource) && it.field == old) {
            new.clone_into(&mut rule.field);
        }
        for mask in role.field_masks.iter_mut().filter(|it| is_of(&it.resource)) {
            if let Some(masking) = mask.fields.remove(old) {
                mask.fields.insert(new.to_owned(), masking);
            }
            if let Some(allow) = &mut mask.allow
                && allow.remove(old)
            {
                allow.insert(new.to_owned());
            }
        }
    }
}
