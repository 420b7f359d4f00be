//! What tables, relationships and functions there are, read from PostgreSQL's catalogs: the one source of names that may reach
//! generated SQL.

mod load;
mod relationships;
mod views;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;

use super::encode::{BESIDE, Kind};
use crate::access::Rules;
use crate::fence::BootTime;
use crate::map::Map;

pub(crate) use load::load;

/// What of `public` the data role may use.
#[derive(Debug)]
pub(crate) struct Schema {
    tables: Map<String, Arc<Table>>,
    /// By the table they start from.
    relationships: HashMap<String, Vec<Relationship>>,
    functions: HashMap<String, Vec<Function>>,
    /// Enum types of `public`: their names and values in order.
    enums: HashMap<String, Vec<String>>,
    rules: Rules,
    /// When reading it began: what the customer's own SQL has changed since is not in it.
    pub(crate) read: BootTime,
}

/// A table or a view, or the records that a function answers.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) kind: TableKind,
    pub(crate) columns: Vec<Column>,
    /// In the order of the key; empty when there is none.
    pub(crate) primary_key: Vec<String>,
    /// Reading it runs no code of the environment's owner, so that it may happen on a lane.
    pub(crate) is_plain: bool,
    /// Writing it runs code of the environment's owner: triggers, or functions in defaults.
    pub(crate) writes_run_code: bool,
    /// Inserting runs what may leave state on the connection, such as a default of `set_config(…)`, or it is not known.
    pub(crate) inserts_leave_state: bool,
    /// `public."name"`, ready for SQL.
    pub(crate) sql_name: String,
    pub(crate) comment: Option<String>,
    /// Functions of one record: `full_name(people)` is a field `full_name` of `people`.
    pub(crate) computed: Vec<Computed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableKind {
    Table,
    /// A view of any kind, or a foreign table: no rule reaches inside it.
    View,
    /// What a function answers.
    Outcome,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type without its modifier, qualified and quoted, ready for SQL.
    pub(crate) sql_type: String,
    /// The type with its modifier, for people.
    #[serde(default)]
    pub(crate) shown_type: String,
    #[serde(default)]
    pub(crate) type_oid: u32,
    /// `typcategory` of its type: `A` for arrays, `S` for texts, `E` for enums …
    #[serde(default)]
    pub(crate) category: char,
    /// It is stored, and its type is PostgreSQL's own or an enum without casts.
    #[serde(default)]
    pub(crate) is_plain: bool,
    #[serde(default)]
    pub(crate) not_null: bool,
    /// Its default as an SQL expression.
    #[serde(default)]
    pub(crate) default: Option<String>,
    /// It numbers itself (`identity`).
    #[serde(default)]
    pub(crate) identity: bool,
    /// Its value is always made by the database.
    #[serde(default)]
    pub(crate) generated: bool,
    #[serde(default)]
    pub(crate) comment: Option<String>,
    /// [`Column::is_flat`], once it was asked for.
    #[serde(skip)]
    pub(crate) flat: OnceLock<bool>,
}

/// A field that a function computes.
#[derive(Debug, Clone)]
pub(crate) struct Computed {
    /// The function's, and the field's.
    pub(crate) name: String,
    pub(crate) sql_type: String,
}

/// A way from the records of one table to those of another.
#[derive(Debug, Clone)]
pub(crate) struct Relationship {
    pub(crate) table: String,
    pub(crate) foreign: String,
    /// At most one record at the other end.
    pub(crate) to_one: bool,
    pub(crate) link: Link,
}

/// How the records of a relationship find each other.
#[derive(Debug, Clone)]
pub(crate) enum Link {
    /// A foreign key at one of the two ends. Pairs of columns: of `table`, of `foreign`.
    /// `named`: the key's own name and column mean it, too.
    Key { constraint: String, columns: Vec<(String, String)>, from_here: bool, named: bool },
    /// A table between: its columns beside those of `table`, and beside those of `foreign`.
    Junction { table: String, constraints: (String, String), near: Vec<(String, String)>, far: Vec<(String, String)> },
    /// A function of a record that answers records.
    Function(String),
}

/// A function that can be called as `/v1/rpc/{name}`.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// `public."name"`, ready for SQL.
    pub(crate) sql_name: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) returns: Returns,
    pub(crate) is_set: bool,
    /// It may change something, so GET does not call it.
    pub(crate) is_volatile: bool,
    pub(crate) comment: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Argument {
    /// Empty for the only argument of a function that takes the whole body.
    pub(crate) name: String,
    pub(crate) sql_type: String,
    pub(crate) has_default: bool,
    pub(crate) is_variadic: bool,
}

/// What a function answers.
#[derive(Debug, Clone)]
pub(crate) enum Returns {
    Void,
    Scalar {
        sql_type: String,
    },
    /// Records of a table or view of `public`.
    Table(String),
    /// Records with columns of its own.
    Records(Arc<Table>),
}

/// What may be done with a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Create,
    Update,
    Delete,
    /// Functions.
    Call,
}

impl Verb {
    /// As definitions write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Call => "call",
        }
    }
}

/// A set of [`Verb`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Verbs(u8);

impl Verbs {
    pub(crate) fn of(verbs: &[Verb]) -> Self {
        Self(verbs.iter().fold(0, |set, verb| set | 1 << *verb as u8))
    }

    pub(crate) fn contains(self, verb: Verb) -> bool {
        self.0 & 1 << verb as u8 != 0
    }

    /// Those of both.
    pub(crate) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Schema {
    /// The table of that name, in the case it was created with.
    pub(crate) fn table(&self, name: &str) -> Option<&Arc<Table>> {
        self.tables.get(name)
    }

    /// All tables, in no order.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values().map(|table| &**table)
    }

    /// The ways that lead from a table.
    pub(crate) fn relationships(&self, table: &str) -> &[Relationship] {
        self.relationships.get(table).map_or(&[], Vec::as_slice)
    }

    /// The functions of that name: several when it is overloaded.
    pub(crate) fn functions(&self, name: &str) -> &[Function] {
        self.functions.get(name).map_or(&[], Vec::as_slice)
    }

    /// All functions, in no order.
    pub(crate) fn all_functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.values().flatten()
    }

    /// Who may do what.
    pub(crate) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The values of an enum type of `public`.
    pub(crate) fn enum_values(&self, name: &str) -> Option<&[String]> {
        self.enums.get(name).map(Vec::as_slice)
    }

    #[cfg(test)]
    pub(crate) fn of(tables: impl IntoIterator<Item = Table>) -> Self {
        let tables = tables.into_iter().map(|table| (table.name.clone(), Arc::new(table))).collect();
        let (relationships, functions, enums) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { tables, relationships, functions, enums, rules: Rules::default(), read: BootTime::now() }
    }

    #[cfg(test)]
    pub(crate) fn with_rules(mut self, rules: Rules) -> Self {
        self.rules = rules;
        self
    }

    #[cfg(test)]
    pub(crate) fn with_relationships(mut self, all: Vec<Relationship>) -> Self {
        for relationship in all {
            self.relationships.entry(relationship.table.clone()).or_default().push(relationship);
        }
        self
    }
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn computed(&self, name: &str) -> Option<&Computed> {
        self.computed.iter().find(|computed| computed.name == name)
    }

    /// The only column of the primary key, if it has one column.
    pub(crate) fn single_key(&self) -> Option<&str> {
        match self.primary_key.as_slice() {
            [key] => Some(key),
            _ => None,
        }
    }

    /// A table as tests need it: text columns, the first one the primary key.
    #[cfg(test)]
    pub(crate) fn for_tests(name: &str, columns: &[&str]) -> Self {
        let column = |name: &&str| Column::for_tests(name, "text");
        Self {
            name: name.into(),
            kind: TableKind::Table,
            columns: columns.iter().map(column).collect(),
            primary_key: columns.first().map(|name| (*name).to_owned()).into_iter().collect(),
            is_plain: true,
            inserts_leave_state: false,
            writes_run_code: false,
            sql_name: format!("public.{}", cloche_definitions::quote_identifier(name)),
            comment: None,
            computed: Vec::new(),
        }
    }
}

impl Column {
    /// Its values can be written as JSON without PostgreSQL.
    pub(crate) fn is_flat(&self) -> bool {
        let is_known = || Kind::of_column(self.type_oid, self.category).is_some() && !self.name.starts_with(BESIDE);
        *self.flat.get_or_init(is_known)
    }

    #[cfg(test)]
    pub(crate) fn for_tests(name: &str, sql_type: &str) -> Self {
        Self {
            name: name.to_owned(),
            sql_type: sql_type.into(),
            shown_type: sql_type.into(),
            type_oid: 25,
            category: 'S',
            is_plain: true,
            not_null: false,
            default: None,
            identity: false,
            generated: false,
            comment: None,
            flat: OnceLock::new(),
        }
    }
}
