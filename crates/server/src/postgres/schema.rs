//! What tables there are, read from PostgreSQL's catalogs: the one source of names that may reach generated SQL.

use std::collections::HashMap;

use serde::Deserialize;
use tokio_postgres::types::Json;
use tokio_postgres::{Client, Error, Row};

use cloche_definitions::quote_identifier;

/// The tables and views of `public` that the data role may use.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    tables: HashMap<String, Table>,
}

/// A table or a view.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// In the order of the key; empty when there is none.
    pub(crate) primary_key: Vec<String>,
    /// What callers without a user may do.
    pub(crate) anon: Verbs,
    /// Reading it runs no code of the environment's owner, so that it may happen on a lane.
    pub(crate) is_plain: bool,
    /// `public."name"`, ready for SQL.
    pub(crate) sql_name: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// The type without its modifier, qualified and quoted, ready for SQL.
    pub(crate) sql_type: String,
    /// It is stored, and its type is PostgreSQL's own or an enum without casts.
    is_plain: bool,
}

/// What may be done with the records of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Create,
    Update,
    Delete,
}

impl Verb {
    /// As definitions write it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A set of [`Verb`]s.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Verbs(u8);

impl Verbs {
    pub(crate) const NONE: Self = Self(0);

    pub(crate) fn of(verbs: &[Verb]) -> Self {
        Self(verbs.iter().fold(0, |set, verb| set | 1 << *verb as u8))
    }

    pub(crate) fn contains(self, verb: Verb) -> bool {
        self.0 & 1 << verb as u8 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Words that are no verb are skipped: an older server must not take a newer word for a right.
    fn from_words<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        let all = [Verb::Read, Verb::Create, Verb::Update, Verb::Delete];
        words
            .into_iter()
            .filter_map(|word| all.into_iter().find(|verb| verb.as_str() == word))
            .fold(Self::NONE, |set, verb| Self(set.0 | Self::of(&[verb]).0))
    }
}

impl Schema {
    /// Reads the catalogs as the environment's data role: two statements, sent together.
    pub(crate) async fn load(client: &Client) -> Result<Self, Error> {
        let (tables, access) = tokio::try_join!(client.query_typed(TABLES, &[]), client.query_typed(ACCESS, &[]))?;
        let access: HashMap<String, Verbs> = access.iter().map(anon_of).collect::<Result<_, _>>()?;
        let tables = tables.iter().map(|row| table_of(row, &access).map(|table| (table.name.clone(), table)));
        Ok(Self { tables: tables.collect::<Result<_, _>>()? })
    }

    /// The table of that name, in the case it was created with.
    pub(crate) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.get(name)
    }

    /// All tables, in no order.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    #[cfg(test)]
    pub(crate) fn of(tables: impl IntoIterator<Item = Table>) -> Self {
        Self { tables: tables.into_iter().map(|table| (table.name.clone(), table)).collect() }
    }
}

impl Table {
    pub(crate) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
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
    pub(crate) fn for_tests(name: &str, columns: &[&str], anon: &[Verb]) -> Self {
        let column = |name: &&str| Column { name: (*name).to_owned(), sql_type: "text".into(), is_plain: true };
        Self {
            name: name.into(),
            columns: columns.iter().map(column).collect(),
            primary_key: columns.first().map(|name| (*name).to_owned()).into_iter().collect(),
            anon: Verbs::of(anon),
            is_plain: true,
            sql_name: format!("public.{}", quote_identifier(name)),
        }
    }
}

fn anon_of(row: &Row) -> Result<(String, Verbs), Error> {
    let words: Vec<&str> = row.try_get("anon")?;
    Ok((row.try_get("name")?, Verbs::from_words(words)))
}

fn table_of(row: &Row, access: &HashMap<String, Verbs>) -> Result<Table, Error> {
    let name: String = row.try_get("name")?;
    let Json(columns): Json<Vec<Column>> = row.try_get("columns")?;
    let runs_code: bool = row.try_get("runs_code")?;
    // No rule reaches inside a view, so views are closed to anon, whatever a definition of the same name says.
    let anon = if row.try_get("is_table")? { access.get(&name).copied().unwrap_or_default() } else { Verbs::NONE };
    Ok(Table {
        sql_name: format!("public.{}", quote_identifier(&name)),
        name,
        primary_key: row.try_get("primary_key")?,
        anon,
        is_plain: !runs_code && columns.iter().all(|column| column.is_plain),
        columns,
    })
}

const ACCESS: &str = "SELECT name, coalesce(anon, '{}') AS anon FROM cloche.table_access";

/// Every name is qualified, so that the answer is the same under any `search_path`.
const TABLES: &str = r#"
SELECT c.relname::text AS name,
    c.relkind IN ('r', 'p') AS is_table,
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
        'sql_type', CASE WHEN n.nspname = 'pg_catalog' THEN pg_catalog.format_type(t.oid, -1)
            ELSE pg_catalog.format('%I.%I', n.nspname, t.typname) END,
        'is_plain', CASE
            WHEN a.attgenerated = 'v' THEN false
            WHEN t.typtype = 'e' OR e.typtype = 'e'
                THEN NOT EXISTS (SELECT FROM pg_catalog.pg_cast s WHERE s.castsource IN (t.oid, e.oid))
            ELSE n.nspname = 'pg_catalog' AND t.typtype IN ('b', 'r', 'm') END
    ) ORDER BY a.attnum) AS columns
    FROM pg_catalog.pg_attribute a
    JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
    JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
) a ON true
WHERE c.relnamespace = 'public'::pg_catalog.regnamespace
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND (pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE') OR pg_catalog.has_table_privilege(c.oid, 'DELETE'))
"#;
