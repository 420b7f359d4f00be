//! What is in the database now. The server fills these from the catalogs; nothing here speaks to one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::code::{Function, View};
use crate::model::{EnumType, ReferentialAction, Table};
use crate::role::Role;

/// Schema `public` as the catalogs describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    /// Ordinary tables (not views, not those of extensions) by name.
    pub tables: BTreeMap<String, DeployedTable>,
    /// Enum types (not those of extensions) by name, values by `enumsortorder`.
    pub enums: BTreeMap<String, EnumType>,
    /// Views and materialized views (not those of extensions) by name.
    #[serde(default)]
    pub views: BTreeMap<String, DeployedView>,
    /// Functions (not procedures, aggregates, or those of extensions); a name may stand for several.
    #[serde(default)]
    pub functions: Vec<DeployedFunction>,
    /// The roles last applied.
    #[serde(default)]
    pub roles: BTreeMap<String, Role>,
}

/// A view as the catalogs describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedView {
    pub name: String,
    pub materialized: bool,
    pub security_invoker: bool,
    /// Names and types of its columns.
    pub columns: Vec<(String, String)>,
    /// What it reads: `posts`, `posts.title`, and functions as `slug()`.
    #[serde(default)]
    pub uses: BTreeSet<String>,
    /// `pg_get_viewdef(oid)`.
    #[serde(default)]
    pub query: String,
    #[serde(default)]
    pub comment: Option<String>,
    /// The definition last applied; `None` for a view made by hand.
    #[serde(default)]
    pub definition: Option<View>,
}

/// A function as the catalogs describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedFunction {
    pub name: String,
    /// Names and types of the arguments that are given; the type as `format_type` prints it, without `public.`.
    pub arguments: Vec<(String, String)>,
    /// `pg_get_function_result`, without `public.` and quotes.
    pub returns: String,
    pub language: String,
    /// `volatile`, `stable` or `immutable`.
    pub volatility: String,
    #[serde(default)]
    pub strict: bool,
    #[serde(default)]
    pub security_definer: bool,
    /// How many of the last arguments have a default.
    #[serde(default)]
    pub defaults: usize,
    /// `prosrc`.
    #[serde(default)]
    pub body: String,
    #[serde(default)]
    pub comment: Option<String>,
    /// The definition last applied under that name, whichever of those of one name it is of.
    #[serde(default)]
    pub definition: Option<Function>,
}

impl DeployedFunction {
    /// `slug(text, integer)`.
    pub fn signature(&self) -> String {
        let types: Vec<&str> = self.arguments.iter().map(|(_, type_)| type_.as_str()).collect();
        format!("{}({})", self.name, types.join(", "))
    }
}

/// A table as the catalogs describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedTable {
    pub name: String,
    /// Columns by `attnum`.
    pub columns: Vec<DeployedColumn>,
    /// Constraints by name. NOT NULL constraints (PostgreSQL 18 lists them) are left out.
    pub constraints: BTreeMap<String, DeployedConstraint>,
    /// Indexes by name. Those of constraints may be among them; they are passed over.
    pub indexes: BTreeMap<String, DeployedIndex>,
    /// The normalised definition last applied; `None` for a table made by hand.
    #[serde(default)]
    pub definition: Option<Table>,
    #[serde(default)]
    pub comment: Option<String>,
}

impl DeployedTable {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&DeployedColumn> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column as the catalogs describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedColumn {
    pub name: String,
    /// `format_type(atttypid, atttypmod)`.
    #[serde(rename = "type")]
    pub type_: String,
    pub not_null: bool,
    /// `pg_get_expr(adbin, adrelid)`.
    #[serde(default)]
    pub default: Option<String>,
    /// `attidentity <> ''`.
    #[serde(default)]
    pub identity: bool,
    /// `attgenerated <> ''`: the "default" is then the generation expression and is left alone.
    #[serde(default)]
    pub generated: bool,
    #[serde(default)]
    pub comment: Option<String>,
}

/// A constraint as the catalogs describe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedConstraint {
    pub name: String,
    pub kind: ConstraintKind,
    /// `pg_get_constraintdef(oid)`.
    pub definition: String,
    /// Columns in the order of `conkey`.
    pub columns: Vec<String>,
    /// For a foreign key: the bare name of the table it points to.
    #[serde(default)]
    pub referenced_table: Option<String>,
    #[serde(default)]
    pub referenced_columns: Vec<String>,
    #[serde(default)]
    pub on_delete: ReferentialAction,
    #[serde(default)]
    pub on_update: ReferentialAction,
}

/// The kinds of constraints, by `pg_constraint.contype`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    PrimaryKey,
    Unique,
    ForeignKey,
    Check,
    /// Exclusion constraints and triggers: only reported.
    Other,
}

impl ConstraintKind {
    /// From the letter in `pg_constraint.contype`; `None` for NOT NULL constraints, which belong to their column.
    pub fn from_catalog(letter: char) -> Option<Self> {
        match letter {
            'p' => Some(Self::PrimaryKey),
            'u' => Some(Self::Unique),
            'f' => Some(Self::ForeignKey),
            'c' => Some(Self::Check),
            'n' => None,
            _ => Some(Self::Other),
        }
    }

    /// What people call it.
    pub fn noun(self) -> &'static str {
        match self {
            Self::PrimaryKey => "primary key",
            Self::Unique => "unique constraint",
            Self::ForeignKey => "foreign key",
            Self::Check => "check",
            Self::Other => "constraint",
        }
    }
}

/// An index as the catalogs describe it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployedIndex {
    pub name: String,
    /// `pg_get_indexdef(oid, n, true)` of each key, or the column's bare name.
    pub columns: Vec<String>,
    pub unique: bool,
    pub method: String,
    /// `pg_get_expr(indpred, indrelid)`.
    #[serde(default)]
    pub predicate: Option<String>,
    /// `pg_get_indexdef(oid)`.
    pub definition: String,
}
