//! One edit, done to the definitions. What an edit names must be there; what it makes must not.

use super::{ColumnChange, Edit, roles};
use crate::code::Function;
use crate::deployed::Deployed;
use crate::diagnostic::closest;
use crate::expression;
use crate::model::{Access, Check, Definitions, IndexKey, Table, Unique, Verb};
use crate::names;
use crate::role::Resource;

/// A message and what to do.
pub(super) type Refusal = (String, Option<String>);

/// The definitions as the edits go on.
pub(super) struct Work<'a> {
    deployed: &'a Deployed,
    original: &'a Definitions,
    pub(super) definitions: Definitions,
    /// Things to drop that definitions do not say: kind and name as a plan's extras have them.
    pub(super) drops: Vec<(&'static str, String)>,
}

fn missing<'a>(kind: &str, name: &str, known: impl Iterator<Item = &'a String>) -> Refusal {
    let near = closest(name, known.map(String::as_str)).map(|near| format!("did you mean `{near}`?"));
    (format!("there is no {kind} `{name}` that definitions can say"), near)
}

fn exists(kind: &str, name: &str) -> Refusal {
    (format!("there is a {kind} `{name}` already"), Some("choose another name, or change the one there is".into()))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    names::check(name).map_err(|message| (message, None))
}

impl<'a> Work<'a> {
    pub(super) fn new(deployed: &'a Deployed, original: &'a Definitions) -> Self {
        Self { deployed, original, definitions: original.clone(), drops: Vec::new() }
    }

    pub(super) fn apply(&mut self, edit: &Edit) -> Result<(), Refusal> {
        match edit {
            Edit::CreateTable { table, access } => {
                check_name(&table.name)?;
                if self.definitions.tables.contains_key(&table.name) || self.deployed.tables.contains_key(&table.name) {
                    return Err(exists("table", &table.name));
                }
                let access = read_access(access)?;
                self.definitions.tables.insert(table.name.clone(), Table { access, ..table.clone() });
                Ok(())
            }
            Edit::DropTable(name) => self.drop_table(name),
            Edit::RenameTable { name, new_name } => self.rename_table(name, new_name),
            Edit::CreateEnum(type_) => {
                check_name(&type_.name)?;
                if self.definitions.enums.contains_key(&type_.name) || self.deployed.enums.contains_key(&type_.name) {
                    return Err(exists("enum", &type_.name));
                }
                self.definitions.enums.insert(type_.name.clone(), type_.clone());
                Ok(())
            }
            Edit::AddEnumValue { name, value, before, after } => self.add_value(name, value, before.as_deref(), after.as_deref()),
            Edit::DropEnum(name) => {
                let there = self.definitions.enums.remove(name).is_some();
                self.or_by_hand(there, "enum", name, self.deployed.enums.contains_key(name))
            }
            Edit::CreateView(_) | Edit::ReplaceView(_) | Edit::RenameView { .. } | Edit::DropView(_) => self.edit_view(edit),
            Edit::CreateFunction(_) | Edit::ReplaceFunction(_) | Edit::RenameFunction { .. } | Edit::DropFunction(_) => {
                self.edit_function(edit)
            }
            _ => self.edit_table(edit),
        }
    }

    /// What definitions do not say can still be dropped when it is there.
    fn or_by_hand(&mut self, said: bool, kind: &'static str, name: &str, deployed: bool) -> Result<(), Refusal> {
        if said {
            return Ok(());
        }
        if !deployed {
            return Err((format!("there is no {kind} `{name}`"), None));
        }
        self.drops.push((kind, name.to_owned()));
        Ok(())
    }

    fn drop_table(&mut self, name: &str) -> Result<(), Refusal> {
        let holds = |table: &&Table| table.name != name && table.foreign_keys.iter().any(|it| it.referenced_table == name);
        if let Some(other) = self.definitions.tables.values().find(holds) {
            let hint = Some(format!("drop that foreign key of `{}` first, in the same call if you like", other.name));
            return Err((format!("a foreign key of `{}` points to the table `{name}`", other.name), hint));
        }
        roles::refuse(&self.definitions, &Resource::Table(name.into()), None)?;
        let there = self.definitions.tables.remove(name).is_some();
        self.or_by_hand(there, "table", name, self.deployed.tables.contains_key(name))
    }

    fn rename_table(&mut self, old: &str, new: &str) -> Result<(), Refusal> {
        check_name(new)?;
        if self.definitions.tables.contains_key(new) || self.deployed.tables.contains_key(new) {
            return Err(exists("table", new));
        }
        let Some(mut table) = self.definitions.tables.remove(old) else {
            return Err(missing("table", old, self.definitions.tables.keys()));
        };
        new.clone_into(&mut table.name);
        if table.renamed_from.is_none() && self.original.tables.contains_key(old) {
            table.renamed_from = Some(old.to_owned());
        }
        self.definitions.tables.insert(new.to_owned(), table);
        for key in self.definitions.tables.values_mut().flat_map(|it| &mut it.foreign_keys) {
            if key.referenced_table == old {
                new.clone_into(&mut key.referenced_table);
            }
        }
        self.rename_type(old, new);
        roles::rename(&mut self.definitions, &Resource::Table(old.into()), &Resource::Table(new.into()));
        Ok(())
    }

    /// Rows of a table or view that functions take or answer.
    fn rename_type(&mut self, old: &str, new: &str) {
        for function in self.definitions.functions.values_mut() {
            function.arguments.iter_mut().for_each(|it| it.type_ = expression::rename(&it.type_, old, new));
            function.returns.rename_type(old, new);
        }
    }

    fn add_value(&mut self, name: &str, value: &str, before: Option<&str>, after: Option<&str>) -> Result<(), Refusal> {
        let Some(type_) = self.definitions.enums.get_mut(name) else {
            return Err(missing("enum", name, self.definitions.enums.keys()));
        };
        if type_.values.iter().any(|other| other == value) {
            return Err((format!("the enum `{name}` has the value `{value}` already"), None));
        }
        let place = |other: &str| {
            let found = type_.values.iter().position(|it| it == other);
            found.ok_or_else(|| (format!("the enum `{name}` has no value `{other}`"), Some(type_.values.join(", "))))
        };
        let at = match (before, after) {
            (Some(_), Some(_)) => return Err(("`before` and `after` cannot both be given".into(), None)),
            (Some(before), None) => place(before)?,
            (None, Some(after)) => place(after)? + 1,
            (None, None) => type_.values.len(),
        };
        type_.values.insert(at, value.to_owned());
        Ok(())
    }

    fn edit_table(&mut self, edit: &Edit) -> Result<(), Refusal> {
        let name = match edit {
            Edit::AlterTable { table, .. }
            | Edit::SetAccess { table, .. }
            | Edit::AddColumn { table, .. }
            | Edit::AlterColumn { table, .. }
            | Edit::DropColumn { table, .. }
            | Edit::AddIndex { table, .. }
            | Edit::DropIndex { table, .. }
            | Edit::AddForeignKey { table, .. }
            | Edit::AddUnique { table, .. }
            | Edit::AddCheck { table, .. }
            | Edit::DropConstraint { table, .. } => table,
            _ => return Err(("this is no edit of a table".into(), None)),
        };
        if !self.definitions.tables.contains_key(name) {
            return Err(missing("table", name, self.definitions.tables.keys()));
        }
        if let Edit::AlterColumn { column, change, .. } = edit {
            return self.alter_column(name, column, change);
        }
        let deployed = self.deployed.tables.get(name);
        let roles = Definitions { roles: self.definitions.roles.clone(), ..Definitions::default() };
        let Some(table) = self.definitions.tables.get_mut(name) else { return Ok(()) };
        match edit {
            Edit::AlterTable { primary_key, comment, .. } => {
                table.primary_key = primary_key.clone().unwrap_or_else(|| table.primary_key.clone());
                table.comment = comment.clone().unwrap_or_else(|| table.comment.clone());
            }
            Edit::SetAccess { access, .. } => table.access = read_access(access)?,
            Edit::AddColumn { column, .. } => {
                let said = self.original.tables.get(name).is_some_and(|it| it.column(&column.name).is_some());
                let by_hand = !said && deployed.is_some_and(|it| it.column(&column.name).is_some());
                if table.column(&column.name).is_some() || by_hand {
                    return Err(exists("column", &column.name));
                }
                table.columns.push(column.clone());
            }
            Edit::DropColumn { column, .. } => {
                roles::refuse(&roles, &Resource::Table(name.clone()), Some(column))?;
                let there = drop_column(table, column);
                let by_hand = deployed.is_some_and(|it| it.column(column).is_some());
                return self.or_by_hand(there, "column", &format!("{name}.{column}"), by_hand);
            }
            Edit::AddIndex { index, .. } => table.indexes.push(index.clone()),
            Edit::AddForeignKey { key, .. } => table.foreign_keys.push(key.clone()),
            Edit::AddUnique { columns, name, .. } => {
                table.uniques.push(Unique { name: name.clone(), columns: columns.clone() });
            }
            Edit::AddCheck { name, expression, .. } => add_check(table, name, expression)?,
            Edit::DropIndex { name: index, .. } => {
                let before = table.indexes.len();
                table.indexes.retain(|it| it.name != *index);
                let there = table.indexes.len() < before;
                let by_hand = deployed.is_some_and(|it| it.indexes.contains_key(index) && !it.constraints.contains_key(index));
                return self.or_by_hand(there, "index", &format!("{name}.{index}"), by_hand);
            }
            Edit::DropConstraint { name: constraint, .. } => {
                let there = drop_constraint(table, constraint);
                let by_hand = deployed.is_some_and(|it| it.constraints.contains_key(constraint));
                return self.or_by_hand(there, "constraint", &format!("{name}.{constraint}"), by_hand);
            }
            _ => {}
        }
        Ok(())
    }

    fn alter_column(&mut self, table: &str, name: &str, change: &ColumnChange) -> Result<(), Refusal> {
        let Some(there) = self.definitions.tables.get_mut(table) else { return Ok(()) };
        let names: Vec<String> = there.columns.iter().map(|it| it.name.clone()).collect();
        let Some(column) = there.columns.iter_mut().find(|it| it.name == name) else {
            return Err(missing("column", name, names.iter()));
        };
        if let Some(type_) = &change.type_ {
            column.type_.clone_from(type_);
        }
        column.nullable = change.nullable.unwrap_or(column.nullable);
        column.identity = change.identity.unwrap_or(column.identity);
        if let Some(default) = &change.default {
            column.default.clone_from(default);
        }
        if let Some(comment) = &change.comment {
            column.comment.clone_from(comment);
        }
        let Some(new) = change.new_name.as_deref().filter(|new| *new != name) else { return Ok(()) };
        names::check_column(new).map_err(|message| (message, None))?;
        if names.iter().any(|other| other == new) {
            return Err(exists("column", new));
        }
        new.clone_into(&mut column.name);
        let former = there.renamed_from.as_deref().unwrap_or(table);
        let was_there = self.original.tables.get(former).is_some_and(|it| it.column(name).is_some());
        if column.renamed_from.is_none() && was_there {
            column.renamed_from = Some(name.to_owned());
        }
        rename_column(there, name, new);
        roles::rename_column(&mut self.definitions, table, name, new);
        for key in self.definitions.tables.values_mut().flat_map(|it| &mut it.foreign_keys) {
            if key.referenced_table == table {
                key.referenced_columns.iter_mut().filter(|it| *it == name).for_each(|it| new.clone_into(it));
            }
        }
        Ok(())
    }

    fn edit_view(&mut self, edit: &Edit) -> Result<(), Refusal> {
        if let Edit::DropView(name) = edit {
            roles::refuse(&self.definitions, &Resource::View(name.clone()), None)?;
        }
        let views = &mut self.definitions.views;
        match edit {
            Edit::CreateView(view) => {
                check_name(&view.name)?;
                if views.contains_key(&view.name) || self.deployed.views.contains_key(&view.name) {
                    return Err(exists("view", &view.name));
                }
                views.insert(view.name.clone(), view.clone());
            }
            Edit::ReplaceView(view) => {
                let Some(there) = views.get(&view.name) else { return Err(missing("view", &view.name, views.keys())) };
                let renamed_from = there.renamed_from.clone();
                views.insert(view.name.clone(), crate::code::View { renamed_from, ..view.clone() });
            }
            Edit::RenameView { name, new_name } => {
                check_name(new_name)?;
                if views.contains_key(new_name) || self.deployed.views.contains_key(new_name) {
                    return Err(exists("view", new_name));
                }
                let Some(mut view) = views.remove(name) else { return Err(missing("view", name, views.keys())) };
                new_name.clone_into(&mut view.name);
                if view.renamed_from.is_none() && self.original.views.contains_key(name) {
                    view.renamed_from = Some(name.clone());
                }
                views.insert(new_name.clone(), view);
                self.rename_type(name, new_name);
                let (old, new) = (Resource::View(name.clone()), Resource::View(new_name.clone()));
                roles::rename(&mut self.definitions, &old, &new);
            }
            Edit::DropView(name) => {
                let there = views.remove(name).is_some();
                return self.or_by_hand(there, "view", name, self.deployed.views.contains_key(name));
            }
            _ => {}
        }
        Ok(())
    }

    fn edit_function(&mut self, edit: &Edit) -> Result<(), Refusal> {
        if let Edit::DropFunction(name) = edit {
            let others = self.deployed.functions.iter().filter(|it| name.split('(').next() == Some(it.name.as_str())).count();
            let resource = Resource::Function(name.split('(').next().unwrap_or_default().to_owned());
            roles::refuse(&self.definitions, &resource, None)
                .or_else(|refusal| if others > 1 { Ok(()) } else { Err(refusal) })?;
        }
        let functions = &mut self.definitions.functions;
        match edit {
            Edit::CreateFunction(function) => {
                check_name(&function.name)?;
                if functions.contains_key(&function.name) {
                    return Err(exists("function", &function.name));
                }
                functions.insert(function.name.clone(), function.clone());
            }
            Edit::ReplaceFunction(function) => {
                let Some(there) = functions.get(&function.name) else {
                    return Err(missing("function", &function.name, functions.keys()));
                };
                let renamed_from = there.renamed_from.clone();
                functions.insert(function.name.clone(), Function { renamed_from, ..function.clone() });
            }
            Edit::RenameFunction { name, new_name } => {
                check_name(new_name)?;
                if functions.contains_key(new_name) || self.deployed.functions.iter().any(|it| it.name == *new_name) {
                    return Err(exists("function", new_name));
                }
                let Some(mut function) = functions.remove(name) else {
                    return Err(missing("function", name, functions.keys()));
                };
                new_name.clone_into(&mut function.name);
                if function.renamed_from.is_none() && self.original.functions.contains_key(name) {
                    function.renamed_from = Some(name.clone());
                }
                functions.insert(new_name.clone(), function);
                let (old, new) = (Resource::Function(name.clone()), Resource::Function(new_name.clone()));
                roles::rename(&mut self.definitions, &old, &new);
            }
            Edit::DropFunction(name) => {
                if functions.remove(name).is_some() {
                    return Ok(());
                }
                let of_name: Vec<String> =
                    self.deployed.functions.iter().filter(|it| it.name == *name).map(|it| it.signature()).collect();
                let signature = match of_name.as_slice() {
                    [one] => one.clone(),
                    [] => name.clone(),
                    several => {
                        return Err((
                            format!("there are several functions `{name}`"),
                            Some(format!("name one of: {}", several.join("; "))),
                        ));
                    }
                };
                let there = self.deployed.functions.iter().any(|it| it.signature() == signature);
                let bare = signature.split('(').next().unwrap_or_default();
                let said = self.original.functions.get(bare).is_some_and(|it| {
                    self.deployed.functions.iter().any(|other| other.signature() == signature && crate::plan::is_of(other, it))
                });
                if said && self.definitions.functions.remove(bare).is_some() {
                    return Ok(());
                }
                return self.or_by_hand(false, "function", &signature, there);
            }
            _ => {}
        }
        Ok(())
    }
}

fn read_access(given: &[(String, Vec<String>)]) -> Result<Access, Refusal> {
    let mut access = Access::default();
    for (role, verbs) in given {
        let set = match role.as_str() {
            "anon" => &mut access.anon,
            "user" => &mut access.user,
            _ => return Err((format!("access is not given to `{role}`"), Some("known here: anon, user".into()))),
        };
        for verb in verbs {
            let known = || Some(format!("known here: {}", Verb::NAMES.join(", ")));
            set.insert(Verb::from_name(verb).ok_or_else(|| (format!("unknown verb `{verb}`"), known()))?);
        }
    }
    Ok(access)
}

fn add_check(table: &mut Table, name: &str, expression: &str) -> Result<(), Refusal> {
    let base = names::generate::<&str>(&table.name, &[], "check");
    let taken = |name: &str| table.checks.iter().any(|it| it.name == name);
    let name = match name {
        "" => (1..)
            .map(|number| if number == 1 { base.clone() } else { format!("{base}{number}") })
            .find(|name| !taken(name))
            .unwrap_or(base),
        name if taken(name) => return Err(exists("check", name)),
        name => name.to_owned(),
    };
    let expression = expression::normalise(expression).map_err(|message| (message, None))?;
    table.checks.push(Check { name, expression });
    Ok(())
}

fn drop_constraint(table: &mut Table, name: &str) -> bool {
    let before = (table.uniques.len(), table.foreign_keys.len(), table.checks.len());
    table.uniques.retain(|it| it.name != name);
    table.foreign_keys.retain(|it| it.name != name);
    table.checks.retain(|it| it.name != name);
    before != (table.uniques.len(), table.foreign_keys.len(), table.checks.len())
}

/// What stands on the column goes along, as in PostgreSQL.
fn drop_column(table: &mut Table, column: &str) -> bool {
    let Some(at) = table.columns.iter().position(|it| it.name == column) else { return false };
    table.columns.remove(at);
    let on_it = |columns: &[String]| columns.iter().any(|it| it == column);
    if on_it(&table.primary_key) {
        table.primary_key.clear();
    }
    table.uniques.retain(|it| !on_it(&it.columns));
    table.foreign_keys.retain(|it| !on_it(&it.columns));
    table.checks.retain(|it| !expression::mentions(&it.expression, column));
    table.indexes.retain(|it| {
        let keys = it.columns.iter().any(|it| match &it.key {
            IndexKey::Column(name) => name == column,
            IndexKey::Expression(text) => expression::mentions(text, column),
        });
        !keys && !it.predicate.as_deref().is_some_and(|text| expression::mentions(text, column))
    });
    true
}

/// PostgreSQL renames a column in keys, checks and indexes by itself.
fn rename_column(table: &mut Table, old: &str, new: &str) {
    let swap = |name: &mut String| {
        if name == old {
            new.clone_into(name);
        }
    };
    let rewrite = |text: &mut String| *text = expression::rename(text, old, new);
    table.primary_key.iter_mut().for_each(swap);
    table.uniques.iter_mut().flat_map(|it| &mut it.columns).for_each(swap);
    table.foreign_keys.iter_mut().flat_map(|it| &mut it.columns).for_each(swap);
    table.checks.iter_mut().for_each(|it| rewrite(&mut it.expression));
    for index in &mut table.indexes {
        index.predicate.iter_mut().for_each(rewrite);
        for column in &mut index.columns {
            match &mut column.key {
                IndexKey::Column(name) => swap(name),
                IndexKey::Expression(text) => rewrite(text),
            }
        }
    }
}
