//! Reading what is deployed: schema `public` from the catalogs, and the definitions last applied beside it.

mod routines;

use std::collections::BTreeMap;
use std::time::Duration;

use cloche_definitions::{
    ConstraintKind, Deployed, DeployedColumn, DeployedConstraint, DeployedIndex, DeployedTable, EnumType, ReferentialAction,
    Table, role::Role,
};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error as PgError, GenericClient, Row};

use super::sqlstate::to_error;
use crate::error::Error;

/// Held in an environment's database by whoever plans or makes a change of its schema.
const CHANGING: i64 = 0x63_6c6f_6368_6573;

const TABLES: &str = "
SELECT c.relname::text, obj_description(c.oid, 'pg_class'), d.spec
FROM pg_class c LEFT JOIN cloche.deployed d ON d.kind = 'table' AND d.name = c.relname
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')";

const COLUMNS: &str = "
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
       a.attidentity <> '', a.attgenerated <> '', col_description(c.oid, a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY c.relname, a.attnum";

const CONSTRAINTS: &str = "
SELECT c.relname::text, k.conname::text, k.contype::text, pg_get_constraintdef(k.oid),
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS u(num, at)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.at),
       f.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS u(num, at)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.at),
       k.confdeltype::text, k.confupdtype::text
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid LEFT JOIN pg_class f ON f.oid = k.confrelid
WHERE c.relnamespace = 'public'::regnamespace";

const INDEXES: &str = "
SELECT t.relname::text, c.relname::text, ARRAY(SELECT pg_get_indexdef(i.indexrelid, n, true) FROM generate_series(1, i.indnkeyatts) AS n),
       i.indisunique, m.amname::text, pg_get_expr(i.indpred, i.indrelid), pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_am m ON m.oid = c.relam
WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p')";

const ENUMS: &str = "
SELECT t.typname::text, array_agg(e.enumlabel::text ORDER BY e.enumsortorder), obj_description(t.oid, 'pg_type')
FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typnamespace = 'public'::regnamespace GROUP BY t.oid, t.typname";

/// Reads what is there, through a login that may see `cloche.deployed`.
///
/// Sets a search path without `public`, where a tenant's function of a fitting name would be called in place of PostgreSQL's own.
pub(crate) async fn deployed<C: GenericClient>(client: &C) -> Result<Deployed, PgError> {
    client.batch_execute("SET search_path = pg_catalog").await?;
    let mut tables = BTreeMap::new();
    for row in client.query(TABLES, &[]).await? {
        let name: String = row.get(0);
        let spec: Option<serde_json::Value> = row.get(2);
        // A definition this version cannot read counts as none: the table is then compared by its catalogs alone.
        let definition: Option<Table> = spec.and_then(|spec| serde_json::from_value(spec).ok());
        tables.insert(name.clone(), DeployedTable { name, comment: row.get(1), definition, ..DeployedTable::default() });
    }
    for row in client.query(COLUMNS, &[]).await? {
        if let Some(table) = tables.get_mut(row.get::<_, &str>(0)) {
            table.columns.push(DeployedColumn {
                name: row.get(1),
                type_: without_schema(row.get(2)),
                not_null: row.get(3),
                default: row.get(4),
                identity: row.get(5),
                generated: row.get(6),
                comment: row.get(7),
            });
        }
    }
    read_constraints(client, &mut tables).await?;
    for row in client.query(INDEXES, &[]).await? {
        if let Some(table) = tables.get_mut(row.get::<_, &str>(0)) {
            let name: String = row.get(1);
            let index = DeployedIndex {
                name: name.clone(),
                columns: row.get(2),
                unique: row.get(3),
                method: row.get(4),
                predicate: row.get(5),
                definition: row.get(6),
            };
            table.indexes.insert(name, index);
        }
    }
    let rows = client.query(ENUMS, &[]).await?;
    let enums =
        rows.iter().map(|row| (row.get(0), EnumType { name: row.get(0), values: row.get(1), comment: row.get(2) })).collect();
    let (views, functions) = (routines::views(client).await?, routines::functions(client).await?);
    Ok(Deployed { tables, enums, views, functions, roles: roles(client).await? })
}

/// Roles are what is stored; one this version cannot read counts as none.
async fn roles<C: GenericClient>(client: &C) -> Result<BTreeMap<String, Role>, PgError> {
    let rows = client.query("SELECT name, spec FROM cloche.deployed WHERE kind = 'role'", &[]).await?;
    let read = |row: &Row| Some((row.get(0), serde_json::from_value(row.get(1)).ok()?));
    Ok(rows.iter().filter_map(read).collect())
}

/// A type of `public` as definitions name it.
fn without_schema(type_: String) -> String {
    type_.strip_prefix("public.").map(str::to_owned).unwrap_or(type_)
}

async fn read_constraints<C: GenericClient>(client: &C, tables: &mut BTreeMap<String, DeployedTable>) -> Result<(), PgError> {
    let letter = |text: &str| text.chars().next().unwrap_or(' ');
    let action = |text: &str| ReferentialAction::from_catalog(letter(text)).unwrap_or_default();
    for row in client.query(CONSTRAINTS, &[]).await? {
        let Some(kind) = ConstraintKind::from_catalog(letter(row.get(2))) else { continue };
        if let Some(table) = tables.get_mut(row.get::<_, &str>(0)) {
            let name: String = row.get(1);
            let constraint = DeployedConstraint {
                name: name.clone(),
                kind,
                definition: row.get(3),
                columns: row.get(4),
                referenced_table: row.get(5),
                referenced_columns: row.get(6),
                on_delete: action(row.get(7)),
                on_update: action(row.get(8)),
            };
            table.constraints.insert(name, constraint);
        }
    }
    Ok(())
}

/// The definitions last applied, as (kind, name, normalised form).
pub(crate) async fn stored(client: &Client) -> Result<Vec<(String, String, serde_json::Value)>, PgError> {
    let rows = client.query("SELECT kind, name, spec FROM cloche.deployed ORDER BY kind, name", &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect())
}

/// Waits for its turn to plan or make a change of the schema, and keeps it until the connection ends.
pub(crate) async fn lock(client: &Client) -> Result<(), Error> {
    match client.execute("SELECT pg_advisory_lock($1)", &[&CHANGING]).await {
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => Err(Error::unavailable(
            "definitions/busy",
            "The schema of this environment is being changed.",
            Duration::from_secs(5),
        )
        .hint("Try again when that has ended.")),
        outcome => outcome.map(drop).map_err(to_error),
    }
}

/// One change of the schema, as it is written beside it.
pub(crate) struct Revision<'a> {
    pub(crate) id: uuid::Uuid,
    pub(crate) actor: &'a str,
    pub(crate) plan: serde_json::Value,
    /// `[{kind, name, spec}]`
    pub(crate) definitions: serde_json::Value,
    /// `[{kind, name}]`
    pub(crate) removed: serde_json::Value,
}

/// Runs the statements of a plan, a transaction after the other, and writes the revision in the last: what is recorded is what is there.
pub(crate) async fn apply(client: &mut Client, transactions: &[Vec<&str>], revision: &Revision<'_>) -> Result<(), PgError> {
    let (last, before) = match transactions.split_last() {
        Some((last, before)) => (last.as_slice(), before),
        None => (&[][..], &[][..]),
    };
    for statements in before {
        let tx = client.transaction().await?;
        run(&tx, statements).await?;
        tx.commit().await?;
    }
    let tx = client.transaction().await?;
    run(&tx, last).await?;
    tx.execute(
        "SELECT cloche.record_revision($1, $2, $3, $4, $5)",
        &[&revision.id, &revision.actor, &revision.plan, &revision.definitions, &revision.removed],
    )
    .await?;
    tx.commit().await
}

/// As the owner of `public`, waiting for locks no longer than readers can be expected to wait behind.
async fn run(tx: &tokio_postgres::Transaction<'_>, statements: &[&str]) -> Result<(), PgError> {
    if statements.is_empty() {
        return Ok(());
    }
    // What definitions name without a schema is in public. An index on a large table may take its time.
    tx.batch_execute("SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = 0; SET LOCAL search_path = public; SET LOCAL ROLE cloche_owner").await?;
    for statement in statements {
        // In the extended protocol, which takes one statement: whatever a definition holds, it cannot bring a second along.
        tx.execute(*statement, &[]).await?;
    }
    tx.batch_execute("RESET ROLE; SET LOCAL search_path = pg_catalog").await
}
