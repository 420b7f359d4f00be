//! Reads the catalogs as the environment's data role.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cloche_definitions::quote_identifier;
use serde::Deserialize;
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Error, Row};

use super::relationships::{self, ForeignKey};
use super::views::{self, View};
use super::{Argument, Column, Computed, Function, Link, Relationship, Returns, Schema, Table, TableKind};
use crate::access::{Rules, Stored};
use crate::fence::BootTime;

/// Everything, by statements that are sent together.
///
/// Sets a search path without `public`, so that types and defaults come out with their schema. The caller resets the connection.
pub(crate) async fn load(client: &Client) -> Result<Schema, Error> {
    let read = BootTime::now();
    let (_, tables, rules, keys, functions, enums, views) = tokio::try_join!(
        client.batch_execute("SET search_path = pg_catalog"),
        client.query_typed(TABLES, &[]),
        client.query_typed(RULES, &[]),
        client.query_typed(KEYS, &[]),
        client.query_typed(FUNCTIONS, &[]),
        client.query_typed(ENUMS, &[]),
        client.query_typed(VIEWS, &[]),
    )?;
    let mut tables: HashMap<String, Table> =
        tables.iter().map(|row| table_of(row).map(|table| (table.name.clone(), table))).collect::<Result<_, _>>()?;
    let rows = functions.iter().map(FunctionRow::of).collect::<Result<Vec<_>, _>>()?;
    let mut computed = Vec::new();
    let mut functions: HashMap<String, Vec<Function>> = HashMap::new();
    for row in rows {
        match row.of_record(&tables) {
            Some(OfRecord::Field { table, field }) => {
                if let Some(table) = tables.get_mut(&table) {
                    table.computed.push(field);
                }
            }
            Some(OfRecord::Way(way)) => computed.push(way),
            None => {}
        }
        if let Some(function) = row.callable() {
            functions.entry(function.name.clone()).or_default().push(function);
        }
    }
    let tables: HashMap<String, Arc<Table>> = tables.into_iter().map(|(name, table)| (name, Arc::new(table))).collect();
    let mut keys = keys.iter().map(key_of).collect::<Result<Vec<_>, _>>()?;
    if !views.is_empty() {
        let views = views.iter().map(|row| Ok(View::of(row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)));
        let views = views.collect::<Result<Vec<_>, Error>>()?;
        let names = client.query_typed(COLUMN_NAMES, &[]).await?;
        let names = names.iter().map(|row| {
            let number: i16 = row.try_get(1)?;
            Ok(((row.try_get(0)?, number.into()), (row.try_get(2)?, row.try_get(3)?)))
        });
        let of_views = views::keys(&views, &keys, &names.collect::<Result<_, Error>>()?);
        keys.extend(of_views.into_iter().filter(|key| tables.contains_key(&key.table) && tables.contains_key(&key.foreign)));
    }
    let mut relationships = relationships::all(&keys, &tables);
    for way in computed {
        relationships.entry(way.table.clone()).or_default().push(way);
    }
    let rules = rules.iter().map(rule_of).collect::<Result<Vec<_>, _>>()?;
    let names = |table: &Arc<Table>| table.columns.iter().map(|column| column.name.clone()).collect();
    let rules = Rules::new(rules, &|name| tables.get(name).map(names));
    let enums = enums.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect::<Result<_, Error>>()?;
    Ok(Schema { tables: tables.into_iter().collect(), relationships, functions, enums, rules, read })
}

fn rule_of(row: &Row) -> Result<Stored, Error> {
    Ok(Stored { kind: row.try_get("kind")?, name: row.try_get("name")?, spec: row.try_get("spec")? })
}

fn table_of(row: &Row) -> Result<Table, Error> {
    let name: String = row.try_get("name")?;
    let Json(columns): Json<Vec<Column>> = row.try_get("columns")?;
    let runs_code: bool = row.try_get("runs_code")?;
    let kind = if row.try_get("is_table")? { TableKind::Table } else { TableKind::View };
    Ok(Table {
        sql_name: format!("public.{}", quote_identifier(&name)),
        name,
        kind,
        primary_key: row.try_get("primary_key")?,
        is_plain: !runs_code && columns.iter().all(|column| column.is_plain),
        writes_run_code: row.try_get("writes_run_code")?,
        inserts_leave_state: row.try_get("inserts_leave_state")?,
        columns,
        comment: row.try_get("comment")?,
        computed: Vec::new(),
    })
}

fn key_of(row: &Row) -> Result<ForeignKey, Error> {
    let (here, there): (Vec<String>, Vec<String>) = (row.try_get("columns")?, row.try_get("foreign_columns")?);
    Ok(ForeignKey {
        name: row.try_get("name")?,
        table: row.try_get("table")?,
        foreign: row.try_get("foreign")?,
        columns: here.into_iter().zip(there).collect(),
        is_unique: row.try_get("is_unique")?,
        to_view: false,
    })
}

/// A function as the catalogs tell it.
struct FunctionRow {
    name: String,
    arguments: Vec<Argument>,
    /// The tables whose records are arguments, where they are.
    takes: Option<String>,
    /// The table whose records it answers.
    answers: Option<String>,
    outcomes: Vec<Outcome>,
    returns: String,
    is_set: bool,
    one_row: bool,
    is_volatile: bool,
    comment: Option<String>,
}

#[derive(Deserialize)]
struct Outcome {
    name: String,
    sql_type: String,
    category: char,
}

/// What a function of one record is to the table of the record.
enum OfRecord {
    Field { table: String, field: Computed },
    Way(Relationship),
}

impl FunctionRow {
    fn of(row: &Row) -> Result<Self, Error> {
        let Json(arguments): Json<Vec<Argument>> = row.try_get("arguments")?;
        let Json(outcomes): Json<Vec<Outcome>> = row.try_get("outcomes")?;
        Ok(Self {
            name: row.try_get("name")?,
            arguments,
            takes: row.try_get("takes")?,
            answers: row.try_get("answers")?,
            outcomes,
            returns: row.try_get("returns")?,
            is_set: row.try_get("is_set")?,
            one_row: row.try_get("one_row")?,
            is_volatile: row.try_get("is_volatile")?,
            comment: row.try_get("comment")?,
        })
    }

    fn of_record(&self, tables: &HashMap<String, Table>) -> Option<OfRecord> {
        let table = self.takes.clone().filter(|table| tables.contains_key(table))?;
        if let Some(foreign) = self.answers.clone().filter(|foreign| tables.contains_key(foreign)) {
            let link = Link::Function(self.name.clone());
            return Some(OfRecord::Way(Relationship { table, foreign, to_one: !self.is_set || self.one_row, link }));
        }
        let is_scalar = !self.is_set && self.outcomes.is_empty() && self.returns != "void";
        let field = Computed { name: self.name.clone(), sql_type: self.returns.clone() };
        is_scalar.then_some(OfRecord::Field { table, field })
    }

    /// As `/v1/rpc/{name}`; none for those whose arguments cannot be named.
    fn callable(self) -> Option<Function> {
        let named = self.arguments.iter().all(|argument| !argument.name.is_empty());
        let takes_body = matches!(self.arguments.as_slice(), [only] if only.name.is_empty()
            && matches!(only.sql_type.as_str(), "json" | "jsonb" | "text" | "bytea" | "xml"));
        if !named && !takes_body {
            return None;
        }
        let returns = if let Some(table) = self.answers {
            Returns::Table(table)
        } else if !self.outcomes.is_empty() {
            Returns::Records(Arc::new(outcome_table(&self.name, &self.outcomes)))
        } else if self.returns == "void" {
            Returns::Void
        } else {
            Returns::Scalar { sql_type: self.returns }
        };
        Some(Function {
            sql_name: format!("public.{}", quote_identifier(&self.name)),
            name: self.name,
            arguments: self.arguments,
            returns,
            is_set: self.is_set,
            is_volatile: self.is_volatile,
            comment: self.comment,
        })
    }
}

/// What a function answers, as if it were a table.
fn outcome_table(name: &str, outcomes: &[Outcome]) -> Table {
    let column = |outcome: &Outcome| Column {
        name: outcome.name.clone(),
        sql_type: outcome.sql_type.clone(),
        shown_type: outcome.sql_type.clone(),
        type_oid: 0,
        category: outcome.category,
        is_plain: false,
        not_null: false,
        default: None,
        identity: false,
        generated: false,
        comment: None,
        flat: OnceLock::new(),
    };
    Table {
        name: name.to_owned(),
        kind: TableKind::Outcome,
        columns: outcomes.iter().map(column).collect(),
        primary_key: Vec::new(),
        is_plain: false,
        writes_run_code: false,
        inserts_leave_state: true,
        sql_name: format!("public.{}", quote_identifier(name)),
        comment: None,
        computed: Vec::new(),
    }
}

const RULES: &str = "SELECT kind, name, spec FROM cloche.access_rules";

/// Every name is qualified, so that the answer is the same under any `search_path`.
const TABLES: &str = r#"
SELECT c.relname::text AS name,
    c.relkind IN ('r', 'p') AS is_table,
    pg_catalog.obj_description(c.oid, 'pg_class') AS comment,
    c.relkind NOT IN ('r', 'p') OR c.relrowsecurity
        OR c.relhassubclass AND EXISTS (SELECT FROM pg_catalog.pg_foreign_table)
        OR EXISTS (
            -- Functions and operators that are not PostgreSQL's own: the planner may run those in indexes and checks.
            SELECT FROM pg_catalog.pg_depend d
            WHERE d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass)
                AND (d.classid, d.objid) IN (
                    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, c.oid
                    UNION ALL
                    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid
                    FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid
                    UNION ALL
                    SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, p.oid
                    FROM pg_catalog.pg_constraint p WHERE p.conrelid = c.oid
                )
        ) AS runs_code,
    EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)
        OR EXISTS (SELECT FROM pg_catalog.pg_attrdef d JOIN pg_catalog.pg_depend p ON p.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass
            AND p.objid = d.oid AND p.refclassid = 'pg_catalog.pg_proc'::pg_catalog.regclass WHERE d.adrelid = c.oid) AS writes_run_code,
    c.relkind <> 'r' OR c.relhasrules OR c.relispartition OR EXISTS (
        -- Stored expressions name the functions they call. PostgreSQL's own volatile ones set things, but for those named here.
        SELECT FROM (
            SELECT d.adbin::text AS expression FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid
            UNION ALL
            SELECT k.conbin::text FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.conbin IS NOT NULL
            UNION ALL
            SELECT coalesce(i.indexprs::text, '') || coalesce(i.indpred::text, '') FROM pg_catalog.pg_index i
            WHERE i.indrelid = c.oid AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
        ) x
        CROSS JOIN LATERAL pg_catalog.regexp_matches(x.expression, 'funcid (\d+)', 'g') AS f
        JOIN pg_catalog.pg_proc p ON p.oid = f[1]::pg_catalog.oid
        WHERE p.pronamespace <> 'pg_catalog'::pg_catalog.regnamespace OR p.provolatile = 'v'
            AND p.proname NOT IN ('nextval', 'gen_random_uuid', 'uuidv4', 'uuidv7', 'random', 'clock_timestamp', 'timeofday')
    ) AS inserts_leave_state,
    coalesce(k.names, '{}') AS primary_key,
    coalesce(a.columns, '[]') AS columns
FROM pg_catalog.pg_class c
LEFT JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::text ORDER BY u.position) AS names
    FROM pg_catalog.pg_constraint p
    CROSS JOIN LATERAL pg_catalog.unnest(p.conkey) WITH ORDINALITY AS u(attnum, position)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = p.conrelid AND a.attnum = u.attnum
    WHERE p.conrelid = c.oid AND p.contype = 'p'
) k ON true
LEFT JOIN LATERAL (
    SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
        'name', a.attname,
        'sql_type', pg_catalog.format_type(t.oid, -1),
        'shown_type', pg_catalog.format_type(t.oid, a.atttypmod),
        'type_oid', t.oid::bigint,
        'category', t.typcategory,
        'not_null', a.attnotnull,
        'identity', a.attidentity <> '',
        'generated', a.attgenerated <> '' OR a.attidentity = 'a',
        'default', CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
        'comment', pg_catalog.col_description(c.oid, a.attnum),
        'is_plain', CASE
            WHEN a.attgenerated = 'v' THEN false
            WHEN t.typtype = 'e' OR e.typtype = 'e'
                THEN NOT EXISTS (SELECT FROM pg_catalog.pg_cast s WHERE s.castsource IN (t.oid, e.oid))
            ELSE t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.typtype IN ('b', 'r', 'm') END
    ) ORDER BY a.attnum) AS columns
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
    LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) a ON true
WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND (pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR pg_catalog.has_table_privilege(c.oid, 'DELETE'))
"#;

/// Foreign keys between tables of `public`; of partitioned tables those of the parent alone.
const KEYS: &str = r#"
SELECT k.conname::text AS name, c.relname::text AS "table", f.relname::text AS "foreign",
    ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY AS u(num, at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.at) AS columns,
    ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY AS u(num, at)
        JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.at) AS foreign_columns,
    EXISTS (SELECT FROM pg_catalog.pg_constraint u WHERE u.conrelid = k.conrelid AND u.contype IN ('p', 'u')
        AND u.conkey <@ k.conkey AND u.conkey @> k.conkey) AS is_unique
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid JOIN pg_catalog.pg_class f ON f.oid = k.confrelid
WHERE k.contype = 'f' AND k.conparentid = 0
    AND c.relnamespace = 'public'::pg_catalog.regnamespace AND f.relnamespace = 'public'::pg_catalog.regnamespace
ORDER BY k.conname
"#;

/// Functions of `public` that the data role may call, but for triggers.
const FUNCTIONS: &str = r#"
SELECT p.proname::text AS name,
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
            'name', coalesce(p.proargnames[u.at], ''),
            'sql_type', pg_catalog.format_type(u.type, -1),
            'has_default', u.input > p.pronargs - p.pronargdefaults,
            'is_variadic', u.mode = 'v') ORDER BY u.at), '[]')
        FROM (SELECT x.type, x.at, m.mode, pg_catalog.count(*) OVER (ORDER BY x.at) AS input
            FROM pg_catalog.unnest(coalesce(p.proallargtypes, p.proargtypes::pg_catalog.oid[])) WITH ORDINALITY AS x(type, at)
            CROSS JOIN LATERAL (SELECT coalesce(p.proargmodes[x.at], 'i'::"char") AS mode) m
            WHERE m.mode IN ('i', 'b', 'v')) u) AS arguments,
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
            'name', coalesce(p.proargnames[x.at], 'column' || x.at),
            'sql_type', pg_catalog.format_type(x.type, -1),
            'category', t.typcategory) ORDER BY x.at), '[]')
        FROM pg_catalog.unnest(p.proallargtypes) WITH ORDINALITY AS x(type, at)
        JOIN pg_catalog.pg_type t ON t.oid = x.type
        WHERE p.proargmodes[x.at] IN ('o', 'b', 't')) AS outcomes,
    (SELECT c.relname::text FROM pg_catalog.pg_type t JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
        WHERE p.pronargs = 1 AND t.oid = p.proargtypes[0] AND c.relkind <> 'c'
            AND c.relnamespace = 'public'::pg_catalog.regnamespace) AS takes,
    (SELECT c.relname::text FROM pg_catalog.pg_class c
        WHERE c.oid = r.typrelid AND c.relkind <> 'c' AND c.relnamespace = 'public'::pg_catalog.regnamespace) AS answers,
    pg_catalog.format_type(p.prorettype, -1) AS returns,
    p.proretset AS is_set,
    p.proretset AND p.prorows = 1 AS one_row,
    p.provolatile = 'v' AS is_volatile,
    pg_catalog.obj_description(p.oid, 'pg_proc') AS comment
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_type r ON r.oid = p.prorettype
WHERE p.pronamespace = 'public'::pg_catalog.regnamespace AND p.prokind = 'f'
    AND p.prorettype NOT IN ('trigger'::pg_catalog.regtype, 'event_trigger'::pg_catalog.regtype)
    AND pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
ORDER BY p.proname, p.oid
"#;

const ENUMS: &str = r#"
SELECT t.typname::text, pg_catalog.array_agg(e.enumlabel::text ORDER BY e.enumsortorder)
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_enum e ON e.enumtypid = t.oid
WHERE t.typnamespace = 'public'::pg_catalog.regnamespace GROUP BY t.typname
"#;

/// Views of `public` with the trees of their queries.
const VIEWS: &str = r#"
SELECT c.oid, c.relname::text, r.ev_action::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.ev_type = '1'
WHERE c.relnamespace = 'public'::pg_catalog.regnamespace AND c.relkind IN ('v', 'm')
"#;

const COLUMN_NAMES: &str = r#"
SELECT a.attrelid, a.attnum, c.relname::text, a.attname::text
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND a.attnum > 0 AND NOT a.attisdropped
"#;
