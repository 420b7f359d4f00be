//! Edits of a schema: what a change may be, and the mutation that makes them.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, OneofObject, Result};
use cloche_definitions::{
    Argument, Column, ColumnChange, Edit, EnumType, ForeignKey, Function, Index, IndexColumn, IndexKey, Language,
    ReferentialAction, Returns, Table, View, Volatility,
};

use super::definition::DefinitionsPayload;
use super::environment::found;
use super::payload::{parts, settle};
use crate::app::definition::{self, Edits};
use crate::auth::Role;
use crate::error::Error;

/// One change of a schema. Types, expressions and queries are written as in definition files.
#[derive(OneofObject)]
enum SchemaChange {
    CreateTable(CreateTableInput),
    DropTable(String),
    RenameTable(RenameInput),
    AlterTable(AlterTableInput),
    SetAccess(SetAccessInput),
    AddColumn(AddColumnInput),
    AlterColumn(AlterColumnInput),
    DropColumn(TableItemInput),
    AddIndex(IndexInput),
    DropIndex(TableItemInput),
    AddForeignKey(ForeignKeyInput),
    AddUnique(UniqueInput),
    AddCheck(CheckInput),
    /// Of a foreign key, unique constraint or check.
    DropConstraint(TableItemInput),
    CreateEnum(EnumInput),
    AddEnumValue(EnumValueInput),
    DropEnum(String),
    CreateView(ViewInput),
    ReplaceView(ViewInput),
    RenameView(RenameInput),
    DropView(String),
    CreateFunction(FunctionInput),
    ReplaceFunction(FunctionInput),
    RenameFunction(RenameInput),
    /// By name, or by signature (`slug(text)`) for one of several of a name.
    DropFunction(String),
}

#[derive(InputObject)]
struct CreateTableInput {
    name: String,
    columns: Vec<ColumnInput>,
    primary_key: Option<Vec<String>>,
    access: Option<Vec<AccessInput>>,
    comment: Option<String>,
}

#[derive(InputObject)]
struct ColumnInput {
    name: String,
    /// A type of PostgreSQL, or an enum.
    #[graphql(name = "type")]
    type_: String,
    /// Never null unless this is true.
    nullable: Option<bool>,
    /// A SQL expression: a text is `'draft'`, with its quotes.
    default: Option<String>,
    /// Number the rows.
    identity: Option<bool>,
    comment: Option<String>,
}

#[derive(InputObject)]
struct RenameInput {
    name: String,
    new_name: String,
}

#[derive(InputObject)]
struct AlterTableInput {
    table: String,
    /// No columns: no primary key.
    primary_key: Option<Vec<String>>,
    /// Null removes it.
    comment: MaybeUndefined<String>,
}

#[derive(InputObject)]
struct SetAccessInput {
    table: String,
    /// All that is allowed without a secret key; a role that is not named may nothing.
    access: Vec<AccessInput>,
}

#[derive(InputObject)]
struct AccessInput {
    role: String,
    /// read, create, update, delete.
    verbs: Vec<String>,
}

#[derive(InputObject)]
struct AddColumnInput {
    table: String,
    column: ColumnInput,
}

/// What is not given stays as it is.
#[derive(InputObject)]
struct AlterColumnInput {
    table: String,
    column: String,
    new_name: Option<String>,
    #[graphql(name = "type")]
    type_: Option<String>,
    nullable: Option<bool>,
    /// Null removes it.
    default: MaybeUndefined<String>,
    identity: Option<bool>,
    /// Null removes it.
    comment: MaybeUndefined<String>,
}

#[derive(InputObject)]
struct TableItemInput {
    table: String,
    name: String,
}

#[derive(InputObject)]
struct IndexInput {
    table: String,
    /// `author_id`, `created_at desc`, or an expression such as `lower(title)`.
    columns: Vec<String>,
    name: Option<String>,
    unique: Option<bool>,
    /// A SQL expression: only rows that meet it.
    #[graphql(name = "where")]
    predicate: Option<String>,
    /// btree unless said otherwise.
    method: Option<String>,
}

#[derive(InputObject)]
struct ForeignKeyInput {
    table: String,
    columns: Vec<String>,
    /// The table pointed to.
    references: String,
    /// Its primary key unless said otherwise.
    referenced_columns: Option<Vec<String>>,
    /// no_action, restrict, cascade, set_null or set_default.
    on_delete: Option<String>,
    on_update: Option<String>,
    name: Option<String>,
}

#[derive(InputObject)]
struct UniqueInput {
    table: String,
    columns: Vec<String>,
    name: Option<String>,
}

#[derive(InputObject)]
struct CheckInput {
    table: String,
    /// A SQL expression.
    expression: String,
    name: Option<String>,
}

#[derive(InputObject)]
struct EnumInput {
    name: String,
    values: Vec<String>,
    comment: Option<String>,
}

#[derive(InputObject)]
struct EnumValueInput {
    name: String,
    value: String,
    before: Option<String>,
    after: Option<String>,
}

#[derive(InputObject)]
struct ViewInput {
    name: String,
    /// One query that reads.
    query: String,
    materialized: Option<bool>,
    /// Read the tables with the rights of who reads the view.
    security_invoker: Option<bool>,
    comment: Option<String>,
}

#[derive(InputObject)]
struct FunctionInput {
    name: String,
    arguments: Option<Vec<ArgumentInput>>,
    /// A type, `setof` one, or `void`; instead of `returnsTable`.
    returns: Option<String>,
    /// The columns of the rows it answers.
    returns_table: Option<Vec<ArgumentInput>>,
    /// sql or plpgsql.
    language: String,
    /// volatile unless said otherwise; stable or immutable.
    volatility: Option<String>,
    /// Answer null for a null argument, without running.
    strict: Option<bool>,
    body: String,
    comment: Option<String>,
}

#[derive(InputObject)]
struct ArgumentInput {
    name: String,
    #[graphql(name = "type")]
    type_: String,
    /// A SQL expression.
    default: Option<String>,
}

#[derive(InputObject)]
struct ApplySchemaInput {
    environment_id: String,
    /// Made one after the other, and applied together or not at all.
    changes: Vec<SchemaChange>,
    /// Only say what would be done.
    dry_run: Option<bool>,
    /// Do it although it loses data, may be refused by rows, or may stop a client. Not needed with a plan's hash.
    allow_breaking: Option<bool>,
    /// Apply only if the plan still has this hash.
    plan_hash: Option<String>,
}

fn action(field: &str, word: Option<&str>) -> Result<ReferentialAction, Error> {
    let Some(word) = word else { return Ok(ReferentialAction::NoAction) };
    let known = ReferentialAction::NAMES.join(", ");
    ReferentialAction::from_name(word).ok_or_else(|| unknown(field, word, &known))
}

fn unknown(field: &str, word: &str, known: &str) -> Error {
    Error::bad_input("schema/invalid", format!("{word:?} is not accepted as {field}."))
        .hint(format!("Known here: {known}."))
        .field(field, "one_of", known)
}

impl From<ColumnInput> for Column {
    fn from(it: ColumnInput) -> Self {
        Self {
            name: it.name,
            type_: it.type_,
            nullable: it.nullable.unwrap_or_default(),
            default: it.default,
            identity: it.identity.unwrap_or_default(),
            comment: it.comment,
            renamed_from: None,
        }
    }
}

/// Null removes; nothing leaves as it is.
fn change(value: MaybeUndefined<String>) -> Option<Option<String>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(Some(text)),
    }
}

fn pairs(access: Vec<AccessInput>) -> Vec<(String, Vec<String>)> {
    access.into_iter().map(|it| (it.role, it.verbs)).collect()
}

impl IndexInput {
    fn edit(self) -> Edit {
        // The parser takes order and operator class from the text.
        let column = |text| IndexColumn { key: IndexKey::Column(text), operator_class: None, descending: false, nulls: None };
        let index = Index {
            name: self.name.unwrap_or_default(),
            columns: self.columns.into_iter().map(column).collect(),
            unique: self.unique.unwrap_or_default(),
            method: self.method.unwrap_or_else(|| "btree".into()),
            predicate: self.predicate,
        };
        Edit::AddIndex { table: self.table, index }
    }
}

impl ForeignKeyInput {
    fn edit(self) -> Result<Edit, Error> {
        let key = ForeignKey {
            name: self.name.unwrap_or_default(),
            columns: self.columns,
            referenced_table: self.references,
            referenced_columns: self.referenced_columns.unwrap_or_default(),
            on_delete: action("onDelete", self.on_delete.as_deref())?,
            on_update: action("onUpdate", self.on_update.as_deref())?,
        };
        Ok(Edit::AddForeignKey { table: self.table, key })
    }
}

impl From<ViewInput> for View {
    fn from(it: ViewInput) -> Self {
        Self {
            name: it.name,
            query: it.query,
            materialized: it.materialized.unwrap_or_default(),
            security_invoker: it.security_invoker.unwrap_or_default(),
            comment: it.comment,
            renamed_from: None,
        }
    }
}

impl FunctionInput {
    fn function(self) -> Result<Function, Error> {
        let language = Language::from_name(&self.language);
        let volatility = self.volatility.as_deref().unwrap_or("volatile");
        let arguments =
            |given: Vec<ArgumentInput>| given.into_iter().map(|it| Argument::new(it.name, it.type_, it.default)).collect();
        Ok(Function {
            returns: match (self.returns, self.returns_table) {
                (Some(text), None) => Returns::One(text),
                (None, Some(columns)) => Returns::Table(arguments(columns)),
                _ => {
                    let error = Error::bad_input("schema/invalid", "A function says either `returns` or `returnsTable`.");
                    return Err(error.field("returns", "required", "`returns`, or `returnsTable`"));
                }
            },
            arguments: arguments(self.arguments.unwrap_or_default()),
            language: language.ok_or_else(|| unknown("language", &self.language, &Language::NAMES.join(", ")))?,
            volatility: Volatility::from_name(volatility)
                .ok_or_else(|| unknown("volatility", volatility, &Volatility::NAMES.join(", ")))?,
            name: self.name,
            strict: self.strict.unwrap_or_default(),
            body: self.body,
            comment: self.comment,
            renamed_from: None,
        })
    }
}

impl SchemaChange {
    fn edit(self) -> Result<Edit, Error> {
        Ok(match self {
            Self::CreateTable(it) => create_table(it),
            Self::DropTable(name) => Edit::DropTable(name),
            Self::RenameTable(it) => Edit::RenameTable { name: it.name, new_name: it.new_name },
            Self::AlterTable(it) => {
                Edit::AlterTable { table: it.table, primary_key: it.primary_key, comment: change(it.comment) }
            }
            Self::SetAccess(it) => Edit::SetAccess { table: it.table, access: pairs(it.access) },
            Self::AddColumn(it) => Edit::AddColumn { table: it.table, column: it.column.into() },
            Self::AlterColumn(it) => Edit::AlterColumn {
                table: it.table,
                column: it.column,
                change: ColumnChange {
                    new_name: it.new_name,
                    type_: it.type_,
                    nullable: it.nullable,
                    default: change(it.default),
                    identity: it.identity,
                    comment: change(it.comment),
                },
            },
            Self::DropColumn(it) => Edit::DropColumn { table: it.table, column: it.name },
            Self::AddIndex(it) => it.edit(),
            Self::DropIndex(it) => Edit::DropIndex { table: it.table, name: it.name },
            Self::AddForeignKey(it) => it.edit()?,
            Self::AddUnique(it) => Edit::AddUnique { table: it.table, columns: it.columns, name: it.name.unwrap_or_default() },
            Self::AddCheck(it) => {
                Edit::AddCheck { table: it.table, name: it.name.unwrap_or_default(), expression: it.expression }
            }
            Self::DropConstraint(it) => Edit::DropConstraint { table: it.table, name: it.name },
            Self::CreateEnum(it) => Edit::CreateEnum(EnumType { name: it.name, values: it.values, comment: it.comment }),
            Self::AddEnumValue(it) => Edit::AddEnumValue { name: it.name, value: it.value, before: it.before, after: it.after },
            Self::DropEnum(name) => Edit::DropEnum(name),
            Self::CreateView(it) => Edit::CreateView(it.into()),
            Self::ReplaceView(it) => Edit::ReplaceView(it.into()),
            Self::RenameView(it) => Edit::RenameView { name: it.name, new_name: it.new_name },
            Self::DropView(name) => Edit::DropView(name),
            Self::CreateFunction(it) => Edit::CreateFunction(it.function()?),
            Self::ReplaceFunction(it) => Edit::ReplaceFunction(it.function()?),
            Self::RenameFunction(it) => Edit::RenameFunction { name: it.name, new_name: it.new_name },
            Self::DropFunction(name) => Edit::DropFunction(name),
        })
    }
}

fn create_table(it: CreateTableInput) -> Edit {
    let table = Table {
        name: it.name,
        columns: it.columns.into_iter().map(Column::from).collect(),
        primary_key: it.primary_key.unwrap_or_default(),
        comment: it.comment,
        ..Table::default()
    };
    Edit::CreateTable { table, access: pairs(it.access.unwrap_or_default()) }
}

#[derive(Default)]
pub(crate) struct SchemaMutation;

#[Object]
impl SchemaMutation {
    /// Makes changes of the schema of an environment, in one transaction, through the planner that definition files go through.
    async fn apply_schema(&self, context: &Context<'_>, input: ApplySchemaInput) -> Result<DefinitionsPayload> {
        let (app, _) = parts(context)?;
        let dry_run = input.dry_run.unwrap_or_default();
        let need = if dry_run { Role::Viewer } else { Role::Developer };
        let found = found(context, &input.environment_id, need).await?;
        let edited = async {
            let edits = Edits {
                edits: input.changes.into_iter().map(SchemaChange::edit).collect::<Result<_, Error>>()?,
                dry_run,
                allow_breaking: input.allow_breaking.unwrap_or_default(),
                plan_hash: input.plan_hash,
            };
            definition::edit(app, &found?, edits).await
        };
        settle(
            edited.await,
            |synced| DefinitionsPayload::of(synced, if dry_run { "Planned" } else { "Schema changed successfully" }, "changes"),
            DefinitionsPayload::failed,
        )
    }
}
