//! What is deployed, said as definitions: the ones last applied, mended by what the catalogs say, and those that things made by
//! hand would have. What files cannot say is left out.

use std::collections::BTreeMap;

use crate::code::{self, Argument, Function, Language, Returns, View, Volatility};
use crate::deployed::{
    ConstraintKind, Deployed, DeployedColumn, DeployedConstraint, DeployedFunction, DeployedTable, DeployedView,
};
use crate::expression;
use crate::model::{Check, Column, Definitions, EnumType, ForeignKey, Index, IndexColumn, IndexKey, Table, Unique};
use crate::names;
use crate::parse::parse;
use crate::plan;
use crate::print::print;
use crate::types;

/// The definitions that lead to what is deployed.
pub fn adopt(deployed: &Deployed) -> Definitions {
    let enums: BTreeMap<String, EnumType> = deployed.enums.clone();
    let mut definitions = Definitions { enums, ..Definitions::default() };
    for it in deployed.tables.values() {
        definitions.tables.extend(table(it, &definitions.enums).map(|table| (table.name.clone(), table)));
    }
    definitions.views.extend(deployed.views.values().filter_map(view).map(|it| (it.name.clone(), it)));
    for it in &deployed.functions {
        let same_name = deployed.functions.iter().filter(|other| other.name == it.name).count();
        // One file is one function: of several of a name it is the one that was defined.
        if let Some(function) = function(it)
            && (same_name == 1 || it.definition.is_some())
            && plan::is_of(it, &function)
        {
            definitions.functions.insert(function.name.clone(), function);
        }
    }
    // What the files of all this could not say together goes, one mistake after the other.
    while let Err(mistakes) = parse(&print(&definitions)) {
        for mistake in mistakes {
            remove(&mut definitions, &mistake.path);
        }
    }
    // Roles are what was defined, also where they name what is no longer there: that is for their author to see.
    definitions.roles.clone_from(&deployed.roles);
    definitions
}

/// Removes what a file defines.
fn remove(definitions: &mut Definitions, path: &str) {
    let Some((folder, name)) = path.split_once('/') else { return definitions.clone_from(&Definitions::default()) };
    let name = name.trim_end_matches(".yaml");
    match folder {
        "tables" => drop(definitions.tables.remove(name)),
        "enums" => drop(definitions.enums.remove(name)),
        "views" => drop(definitions.views.remove(name)),
        _ => drop(definitions.functions.remove(name)),
    }
}

/// A comment as a file would say it: those set by hand beside a definition are nobody's to change.
fn comment(deployed: Option<&String>, applied: Option<&Option<String>>) -> Option<String> {
    deployed.filter(|text| applied.is_none_or(Option::is_some) && text.trim() == *text && !text.is_empty()).cloned()
}

fn table(deployed: &DeployedTable, enums: &BTreeMap<String, EnumType>) -> Option<Table> {
    names::check(&deployed.name).ok()?;
    let applied = deployed.definition.as_ref();
    let mut table = Table {
        name: deployed.name.clone(),
        comment: comment(deployed.comment.as_ref(), applied.map(|it| &it.comment)),
        access: applied.map(|it| it.access.clone()).unwrap_or_default(),
        ..Table::default()
    };
    for it in &deployed.columns {
        table.columns.extend(column(it, applied, enums));
    }
    let known = |columns: &[String]| columns.iter().all(|name| table.column(name).is_some());
    let mut constraints: Vec<&DeployedConstraint> = deployed.constraints.values().filter(|it| known(&it.columns)).collect();
    // As the files had them, then the others.
    let place = |name: &str| {
        let uniques = applied.into_iter().flat_map(|it| it.uniques.iter().map(|it| &it.name));
        let keys = applied.into_iter().flat_map(|it| it.foreign_keys.iter().map(|it| &it.name));
        let checks = applied.into_iter().flat_map(|it| it.checks.iter().map(|it| &it.name));
        uniques.chain(keys).chain(checks).position(|it| it == name).unwrap_or(usize::MAX)
    };
    constraints.sort_by_key(|it| (place(&it.name), it.name.clone()));
    for it in constraints {
        if names::check(&it.name).is_err() && it.kind != ConstraintKind::PrimaryKey {
            continue;
        }
        match it.kind {
            ConstraintKind::PrimaryKey => table.primary_key.clone_from(&it.columns),
            ConstraintKind::Unique => table.uniques.push(Unique { name: it.name.clone(), columns: it.columns.clone() }),
            ConstraintKind::ForeignKey => table.foreign_keys.extend(foreign_key(it)),
            ConstraintKind::Check => table.checks.extend(check(it, applied)),
            ConstraintKind::Other => {}
        }
    }
    table.indexes = indexes(deployed, &table);
    (!table.columns.is_empty()).then_some(table)
}

fn column(it: &DeployedColumn, applied: Option<&Table>, enums: &BTreeMap<String, EnumType>) -> Option<Column> {
    names::check_column(&it.name).ok()?;
    let applied_column = applied.and_then(|table| table.column(&it.name));
    let default = match applied_column {
        Some(applied) => applied.default.clone().filter(|_| it.default.is_some()),
        None => it.default.as_deref().map(expression::normalise).transpose().ok()?,
    };
    // What is computed cannot be said.
    (!it.generated).then_some(())?;
    Some(Column {
        name: it.name.clone(),
        type_: types::normalise(&types::normalise_printed(&it.type_), enums).ok()?,
        nullable: !it.not_null,
        default,
        identity: it.identity && applied_column.is_none_or(|applied| applied.identity),
        comment: comment(it.comment.as_ref(), applied_column.map(|applied| &applied.comment)),
        renamed_from: None,
    })
}

/// Those with words that files do not have are left alone.
fn foreign_key(it: &DeployedConstraint) -> Option<ForeignKey> {
    let special = [" DEFERRABLE", " MATCH ", " NOT VALID", " NOT ENFORCED", " SET NULL (", " SET DEFAULT ("];
    let plain = !special.iter().any(|word| it.definition.contains(word));
    Some(ForeignKey {
        name: it.name.clone(),
        columns: it.columns.clone(),
        referenced_table: it.referenced_table.clone().filter(|_| plain)?,
        referenced_columns: it.referenced_columns.clone(),
        on_delete: it.on_delete,
        on_update: it.on_update,
    })
}

fn check(it: &DeployedConstraint, applied: Option<&Table>) -> Option<Check> {
    if let Some(check) = applied.into_iter().flat_map(|table| &table.checks).find(|check| check.name == it.name) {
        return Some(check.clone());
    }
    let text = it.definition.strip_prefix("CHECK (")?.strip_suffix(')')?;
    Some(Check { name: it.name.clone(), expression: expression::normalise(text).ok()? })
}

/// Those of files, and of those made by hand the plain ones.
fn indexes(deployed: &DeployedTable, table: &Table) -> Vec<Index> {
    let applied = deployed.definition.iter().flat_map(|it| &it.indexes);
    let mut found: Vec<Index> = applied.filter(|it| deployed.indexes.contains_key(&it.name)).cloned().collect();
    for it in deployed.indexes.values() {
        let plain = it.method == "btree" && it.predicate.is_none() && plan::has_no_options(&it.definition);
        let columns: Vec<&str> = it.columns.iter().map(|name| name.trim_matches('"')).collect();
        if plain
            && !deployed.constraints.contains_key(&it.name)
            && !found.iter().any(|other| other.name == it.name)
            && names::check(&it.name).is_ok()
            && columns.iter().all(|name| table.column(name).is_some())
        {
            let column = |name: &str| IndexColumn {
                key: IndexKey::Column(name.to_owned()),
                operator_class: None,
                descending: false,
                nulls: None,
            };
            found.push(Index {
                name: it.name.clone(),
                columns: columns.into_iter().map(column).collect(),
                unique: it.unique,
                method: it.method.clone(),
                predicate: None,
            });
        }
    }
    found
}

fn view(it: &DeployedView) -> Option<View> {
    names::check(&it.name).ok()?;
    let query = match &it.definition {
        Some(applied) => applied.query.clone(),
        None => code::normalise_query(&it.query).ok()?,
    };
    Some(View {
        name: it.name.clone(),
        query,
        materialized: it.materialized,
        security_invoker: it.security_invoker,
        comment: comment(it.comment.as_ref(), it.definition.as_ref().map(|applied| &applied.comment)),
        renamed_from: None,
    })
}

fn function(it: &DeployedFunction) -> Option<Function> {
    names::check(&it.name).ok()?;
    let comment = comment(it.comment.as_ref(), it.definition.as_ref().map(|applied| &applied.comment));
    if let Some(applied) = &it.definition {
        return Some(Function { comment, renamed_from: None, ..applied.clone() });
    }
    // The defaults of arguments made by hand, and the columns of answers, are not read.
    if it.defaults > 0 || it.security_definer || it.returns.starts_with("TABLE(") {
        return None;
    }
    let returns = match it.returns.strip_prefix("SETOF ") {
        Some(type_) => Returns::SetOf(type_.to_owned()),
        None if it.returns == "void" => Returns::Void,
        None => Returns::One(it.returns.clone()),
    };
    let argument = |(name, type_): &(String, String)| Argument { name: name.clone(), type_: type_.clone(), default: None };
    Some(Function {
        name: it.name.clone(),
        arguments: it.arguments.iter().map(argument).collect(),
        returns,
        language: Language::from_name(&it.language)?,
        volatility: Volatility::from_name(&it.volatility)?,
        strict: it.strict,
        body: code::normalise_body(&it.body).ok()?,
        comment,
        renamed_from: None,
    })
}
