//! The schema of an environment as it is deployed, for consoles.

use std::collections::BTreeSet;

use async_graphql::{Context, Object, Result, SimpleObject};
use cloche_definitions::{
    ConstraintKind, Deployed, DeployedConstraint, DeployedFunction, DeployedIndex, DeployedTable, DeployedView, Verb, adopt,
    print,
};

use super::environment::found;
use super::payload::{parts, to_graphql};
use crate::app::definition;
use crate::auth::Role;

/// What is in schema `public` of an environment's database.
struct DatabaseSchema(Deployed);

#[Object]
impl DatabaseSchema {
    async fn tables(&self) -> Vec<SchemaTable> {
        self.0.tables.values().map(SchemaTable::from).collect()
    }

    async fn enums(&self) -> Vec<SchemaEnum> {
        let read = |it: &cloche_definitions::EnumType| SchemaEnum {
            name: it.name.clone(),
            values: it.values.clone(),
            comment: it.comment.clone(),
        };
        self.0.enums.values().map(read).collect()
    }

    async fn views(&self) -> Vec<SchemaView> {
        self.0.views.values().map(SchemaView::from).collect()
    }

    async fn functions(&self) -> Vec<SchemaFunction> {
        self.0.functions.iter().map(SchemaFunction::from).collect()
    }

    /// The same as definition files, as far as these can say it.
    async fn files(&self) -> Vec<DefinitionFile> {
        let files = tokio::task::block_in_place(|| print(&adopt(&self.0)));
        files.into_iter().map(|file| DefinitionFile { path: file.path, content: file.content }).collect()
    }
}

/// A definition file.
#[derive(SimpleObject)]
struct DefinitionFile {
    /// Relative to the project's folder: `tables/posts.yaml`.
    path: String,
    content: String,
}

#[derive(SimpleObject)]
struct SchemaTable {
    name: String,
    /// Whether a definition says it; else it was made by hand.
    managed: bool,
    comment: Option<String>,
    columns: Vec<SchemaColumn>,
    constraints: Vec<SchemaConstraint>,
    /// Those that are not of a constraint.
    indexes: Vec<SchemaIndex>,
    access: Vec<TableAccess>,
}

#[derive(SimpleObject)]
struct SchemaColumn {
    name: String,
    #[graphql(name = "type")]
    type_: String,
    nullable: bool,
    /// A SQL expression as PostgreSQL prints it; of a generated column, what it is computed from.
    default: Option<String>,
    identity: bool,
    generated: bool,
    comment: Option<String>,
}

#[derive(SimpleObject)]
struct SchemaConstraint {
    name: String,
    /// primary_key, unique, foreign_key, check or other.
    kind: &'static str,
    columns: Vec<String>,
    /// As PostgreSQL prints it.
    definition: String,
    referenced_table: Option<String>,
    referenced_columns: Vec<String>,
    /// no_action, restrict, cascade, set_null or set_default, of a foreign key.
    on_delete: Option<String>,
    on_update: Option<String>,
}

#[derive(SimpleObject)]
struct SchemaIndex {
    name: String,
    /// Columns, or expressions as PostgreSQL prints them.
    columns: Vec<String>,
    unique: bool,
    method: String,
    #[graphql(name = "where")]
    predicate: Option<String>,
    /// As PostgreSQL prints it.
    definition: String,
}

/// What a role may do with the rows of a table by the table's own definition.
#[derive(SimpleObject)]
struct TableAccess {
    role: &'static str,
    verbs: Vec<&'static str>,
}

#[derive(SimpleObject)]
struct SchemaEnum {
    name: String,
    values: Vec<String>,
    comment: Option<String>,
}

#[derive(SimpleObject)]
struct SchemaView {
    name: String,
    managed: bool,
    materialized: bool,
    /// Whether it reads with the rights of who reads it; else with those of its owner.
    security_invoker: bool,
    columns: Vec<NameAndType>,
    /// As it was defined, or else as PostgreSQL prints it.
    query: String,
    comment: Option<String>,
}

#[derive(SimpleObject)]
struct NameAndType {
    name: String,
    #[graphql(name = "type")]
    type_: String,
}

#[derive(SimpleObject)]
struct SchemaFunction {
    name: String,
    /// Name and types of arguments: one of several functions of a name.
    signature: String,
    managed: bool,
    arguments: Vec<NameAndType>,
    returns: String,
    language: String,
    /// volatile, stable or immutable.
    volatility: String,
    strict: bool,
    security_definer: bool,
    body: String,
    comment: Option<String>,
}

impl From<&DeployedTable> for SchemaTable {
    fn from(table: &DeployedTable) -> Self {
        let column = |it: &cloche_definitions::DeployedColumn| SchemaColumn {
            name: it.name.clone(),
            type_: it.type_.clone(),
            nullable: !it.not_null,
            default: it.default.clone(),
            identity: it.identity,
            generated: it.generated,
            comment: it.comment.clone(),
        };
        let of_role = |role, verbs: &BTreeSet<Verb>| TableAccess { role, verbs: verbs.iter().map(|verb| verb.name()).collect() };
        let access = table.definition.iter().flat_map(|it| [of_role("anon", &it.access.anon), of_role("user", &it.access.user)]);
        Self {
            name: table.name.clone(),
            managed: table.definition.is_some(),
            comment: table.comment.clone(),
            columns: table.columns.iter().map(column).collect(),
            constraints: table.constraints.values().map(SchemaConstraint::from).collect(),
            indexes: table
                .indexes
                .values()
                .filter(|it| !table.constraints.contains_key(&it.name))
                .map(SchemaIndex::from)
                .collect(),
            access: access.collect(),
        }
    }
}

impl From<&DeployedConstraint> for SchemaConstraint {
    fn from(it: &DeployedConstraint) -> Self {
        let is_key = it.kind == ConstraintKind::ForeignKey;
        let action =
            |action: cloche_definitions::ReferentialAction| is_key.then(|| action.sql().to_lowercase().replace(' ', "_"));
        Self {
            name: it.name.clone(),
            kind: match it.kind {
                ConstraintKind::PrimaryKey => "primary_key",
                ConstraintKind::Unique => "unique",
                ConstraintKind::ForeignKey => "foreign_key",
                ConstraintKind::Check => "check",
                ConstraintKind::Other => "other",
            },
            columns: it.columns.clone(),
            definition: it.definition.clone(),
            referenced_table: it.referenced_table.clone(),
            referenced_columns: it.referenced_columns.clone(),
            on_delete: action(it.on_delete),
            on_update: action(it.on_update),
        }
    }
}

impl From<&DeployedIndex> for SchemaIndex {
    fn from(it: &DeployedIndex) -> Self {
        Self {
            name: it.name.clone(),
            columns: it.columns.clone(),
            unique: it.unique,
            method: it.method.clone(),
            predicate: it.predicate.clone(),
            definition: it.definition.clone(),
        }
    }
}

fn names_and_types(pairs: &[(String, String)]) -> Vec<NameAndType> {
    pairs.iter().map(|(name, type_)| NameAndType { name: name.clone(), type_: type_.clone() }).collect()
}

impl From<&DeployedView> for SchemaView {
    fn from(it: &DeployedView) -> Self {
        Self {
            name: it.name.clone(),
            managed: it.definition.is_some(),
            materialized: it.materialized,
            security_invoker: it.security_invoker,
            columns: names_and_types(&it.columns),
            query: it.definition.as_ref().map_or_else(|| it.query.clone(), |definition| definition.query.clone()),
            comment: it.comment.clone(),
        }
    }
}

impl From<&DeployedFunction> for SchemaFunction {
    fn from(it: &DeployedFunction) -> Self {
        Self {
            name: it.name.clone(),
            signature: it.signature(),
            managed: it.definition.is_some(),
            arguments: names_and_types(&it.arguments),
            returns: it.returns.clone(),
            language: it.language.clone(),
            volatility: it.volatility.clone(),
            strict: it.strict,
            security_definer: it.security_definer,
            body: it.body.trim().to_owned(),
            comment: it.comment.clone(),
        }
    }
}

#[derive(Default)]
pub(crate) struct SchemaQuery;

#[Object]
impl SchemaQuery {
    /// The schema of an environment as it is deployed.
    #[graphql(complexity = "20 + child_complexity")]
    async fn schema(&self, context: &Context<'_>, environment_id: String) -> Result<DatabaseSchema> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, Role::Viewer).await?.map_err(to_graphql)?;
        definition::deployed(app, &found).await.map(DatabaseSchema).map_err(to_graphql)
    }
}
