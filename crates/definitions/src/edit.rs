//! Edits of a schema, as a console makes them: done to the definitions of what is deployed, and planned like files.
//!
//! Texts in an edit are written as in files, and read by the same parser: after each edit the definitions are printed and parsed,
//! so an edit can do nothing that a file could not say, and its mistakes are told in the same words.

mod apply;
mod roles;
mod scope;

use crate::code::{Argument, Function, View};
use crate::deployed::Deployed;
use crate::diagnostic::Diagnostic;
use crate::model::{Column, Definitions, EnumType, ForeignKey, Index, Table};
use crate::plan::{Plan, PlanOptions, plan};
use crate::print::print;
use crate::{adopt, parse};

/// Edits of one call. Each is checked with all definitions, so more take their time.
const MAX_EDITS: usize = 100;

/// One edit. Names of constraints and indexes may be empty: they then get the one PostgreSQL would give.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Columns, primary key and comment, and who may do what as in `SetAccess`; keys, checks and indexes are edits of their own.
    CreateTable {
        table: Table,
        access: Vec<(String, Vec<String>)>,
    },
    DropTable(String),
    RenameTable {
        name: String,
        new_name: String,
    },
    /// `None` leaves it as it is; the comment's inner `None` removes it.
    AlterTable {
        table: String,
        primary_key: Option<Vec<String>>,
        comment: Option<Option<String>>,
    },
    /// Who may do what to the rows without a secret key: by role, verbs as files spell them.
    SetAccess {
        table: String,
        access: Vec<(String, Vec<String>)>,
    },
    AddColumn {
        table: String,
        column: Column,
    },
    AlterColumn {
        table: String,
        column: String,
        change: ColumnChange,
    },
    DropColumn {
        table: String,
        column: String,
    },
    AddIndex {
        table: String,
        index: Index,
    },
    DropIndex {
        table: String,
        name: String,
    },
    AddForeignKey {
        table: String,
        key: ForeignKey,
    },
    AddUnique {
        table: String,
        columns: Vec<String>,
        name: String,
    },
    AddCheck {
        table: String,
        name: String,
        expression: String,
    },
    /// Of a foreign key, unique constraint or check.
    DropConstraint {
        table: String,
        name: String,
    },
    CreateEnum(EnumType),
    /// Before or after another value; at the end without.
    AddEnumValue {
        name: String,
        value: String,
        before: Option<String>,
        after: Option<String>,
    },
    DropEnum(String),
    CreateView(View),
    ReplaceView(View),
    RenameView {
        name: String,
        new_name: String,
    },
    DropView(String),
    CreateFunction(Function),
    ReplaceFunction(Function),
    RenameFunction {
        name: String,
        new_name: String,
    },
    /// By name, or with types (`slug(text)`) for one of several of a name.
    DropFunction(String),
}

/// What changes of a column; `None` leaves it as it is, an inner `None` removes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ColumnChange {
    pub new_name: Option<String>,
    pub type_: Option<String>,
    pub nullable: Option<bool>,
    pub default: Option<Option<String>>,
    pub identity: Option<bool>,
    pub comment: Option<Option<String>>,
}

impl Edit {
    /// What the API calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CreateTable { .. } => "createTable",
            Self::DropTable(_) => "dropTable",
            Self::RenameTable { .. } => "renameTable",
            Self::AlterTable { .. } => "alterTable",
            Self::SetAccess { .. } => "setAccess",
            Self::AddColumn { .. } => "addColumn",
            Self::AlterColumn { .. } => "alterColumn",
            Self::DropColumn { .. } => "dropColumn",
            Self::AddIndex { .. } => "addIndex",
            Self::DropIndex { .. } => "dropIndex",
            Self::AddForeignKey { .. } => "addForeignKey",
            Self::AddUnique { .. } => "addUnique",
            Self::AddCheck { .. } => "addCheck",
            Self::DropConstraint { .. } => "dropConstraint",
            Self::CreateEnum(_) => "createEnum",
            Self::AddEnumValue { .. } => "addEnumValue",
            Self::DropEnum(_) => "dropEnum",
            Self::CreateView(_) => "createView",
            Self::ReplaceView(_) => "replaceView",
            Self::RenameView { .. } => "renameView",
            Self::DropView(_) => "dropView",
            Self::CreateFunction(_) => "createFunction",
            Self::ReplaceFunction(_) => "replaceFunction",
            Self::RenameFunction { .. } => "renameFunction",
            Self::DropFunction(_) => "dropFunction",
        }
    }
}

/// What edits come to.
#[derive(Clone, Debug)]
pub struct Edited {
    pub plan: Plan,
    /// What is to be stored as the definitions last applied.
    pub definitions: Definitions,
    /// What is deployed, but for what the edits leave alone and definitions do not say.
    pub deployed: Deployed,
}

/// Does the edits to what is deployed, one after the other, and plans the way there. Only what an edit drops is dropped, and things
/// made by hand that no edit is about stay as they are, unmanaged.
pub fn edit(deployed: &Deployed, edits: &[Edit]) -> Result<Edited, Vec<Diagnostic>> {
    if edits.is_empty() || edits.len() > MAX_EDITS {
        return Err(vec![mistake("changes", format!("{} changes; from 1 to {MAX_EDITS} are accepted", edits.len()), None)]);
    }
    let original = adopt(deployed);
    let mut work = apply::Work::new(deployed, &original);
    for (at, edit) in edits.iter().enumerate() {
        let path = format!("changes[{at}].{}", edit.name());
        work.apply(edit).map_err(|(message, hint)| vec![mistake(&path, message, hint)])?;
        let roles = std::mem::take(&mut work.definitions.roles);
        work.definitions = parse(&print(&work.definitions)).map_err(|mistakes| {
            // Lines and files are those of a print nobody has seen.
            let told = mistakes.into_iter().map(|it| mistake(&path, format!("{} ({})", it.message, thing(&it.path)), it.hint));
            told.collect::<Vec<_>>()
        })?;
        work.definitions.roles = roles;
    }
    let scope = scope::of(deployed, &original, work.definitions, &work.drops);
    let plan = plan(&scope.definitions, &scope.deployed, PlanOptions { prune: true })?;
    Ok(Edited { plan, definitions: scope.definitions, deployed: scope.deployed })
}

fn mistake(path: &str, message: String, hint: Option<String>) -> Diagnostic {
    Diagnostic { path: path.to_owned(), line: None, column: None, message, hint }
}

/// `tables/posts.yaml` → `table posts`.
fn thing(path: &str) -> String {
    let plain = path.trim_end_matches(".yaml");
    plain.split_once('/').map_or_else(|| plain.to_owned(), |(folder, name)| format!("{} {name}", folder.trim_end_matches('s')))
}

impl Argument {
    /// An argument, or a column of an answer.
    pub fn new(name: impl Into<String>, type_: impl Into<String>, default: Option<String>) -> Self {
        Self { name: name.into(), type_: type_.into(), default }
    }
}
