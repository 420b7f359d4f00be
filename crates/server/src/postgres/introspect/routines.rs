//! Views and functions of schema `public`, with the definitions last applied beside them.

use std::collections::BTreeMap;

use cloche_definitions::{DeployedFunction, DeployedView, Function, View};
use tokio_postgres::{Error as PgError, GenericClient};

/// What a view reads is what its rule depends on: tables, their columns, other views, functions.
const VIEWS: &str = "
SELECT c.relname::text, c.relkind = 'm',
       EXISTS (SELECT FROM unnest(c.reloptions) AS o WHERE o IN ('security_invoker=true', 'security_invoker=on', 'security_invoker=1')),
       ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       ARRAY(SELECT format_type(a.atttypid, a.atttypmod) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       ARRAY(SELECT DISTINCT coalesce(p.proname || '()', r.relname || coalesce('.' || a.attname, ''))
             FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
             LEFT JOIN pg_class r ON d.refclassid = 'pg_class'::regclass AND r.oid = d.refobjid AND r.oid <> c.oid
                  AND r.relnamespace = 'public'::regnamespace
             LEFT JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
             LEFT JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid AND p.pronamespace = 'public'::regnamespace
             WHERE w.ev_class = c.oid AND (r.oid IS NOT NULL OR p.oid IS NOT NULL)),
       ARRAY(SELECT DISTINCT r.relname::text
             FROM pg_rewrite w JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
             JOIN pg_class r ON d.refclassid = 'pg_class'::regclass AND r.oid = d.refobjid AND r.oid <> c.oid
                  AND r.relnamespace = 'public'::regnamespace
             WHERE w.ev_class = c.oid),
       pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class'), s.spec
FROM pg_class c LEFT JOIN cloche.deployed s ON s.kind = 'view' AND s.name = c.relname
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm')
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.deptype = 'e')";

const FUNCTIONS: &str = "
SELECT p.proname::text,
       ARRAY(SELECT coalesce(p.proargnames[u.at], '') FROM unnest(p.proargtypes) WITH ORDINALITY AS u(type, at) ORDER BY u.at),
       ARRAY(SELECT format_type(u.type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS u(type, at) ORDER BY u.at),
       pg_get_function_result(p.oid), l.lanname::text, p.provolatile::text, p.proisstrict, p.prosecdef, p.pronargdefaults::int4,
       p.prosrc, obj_description(p.oid, 'pg_proc'), s.spec
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang LEFT JOIN cloche.deployed s ON s.kind = 'function' AND s.name = p.proname
WHERE p.pronamespace = 'public'::regnamespace AND p.prokind = 'f'
  AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')";

/// A type as definitions name it: of `public` by its bare name.
fn bare(type_: &str) -> String {
    type_.replace("public.", "").replace('"', "")
}

/// Views and materialized views, but for those of extensions.
pub(super) async fn views<C: GenericClient>(client: &C) -> Result<BTreeMap<String, DeployedView>, PgError> {
    let mut views = BTreeMap::new();
    for row in client.query(VIEWS, &[]).await? {
        let name: String = row.get(0);
        let (names, types): (Vec<String>, Vec<String>) = (row.get(3), row.get(4));
        let (columns, relations): (Vec<String>, Vec<String>) = (row.get(5), row.get(6));
        // As with tables, a definition this version cannot read counts as none.
        let definition: Option<View> = row.get::<_, Option<serde_json::Value>>(9).and_then(|it| serde_json::from_value(it).ok());
        let view = DeployedView {
            name: name.clone(),
            materialized: row.get(1),
            security_invoker: row.get(2),
            columns: names.into_iter().zip(types.iter().map(|it| bare(it))).collect(),
            uses: columns.into_iter().chain(relations).collect(),
            query: row.get(7),
            comment: row.get(8),
            definition,
        };
        views.insert(name, view);
    }
    Ok(views)
}

/// Functions, but for procedures, aggregates and those of extensions.
pub(super) async fn functions<C: GenericClient>(client: &C) -> Result<Vec<DeployedFunction>, PgError> {
    let rows = client.query(FUNCTIONS, &[]).await?;
    let read = |row: &tokio_postgres::Row| {
        let (names, types): (Vec<String>, Vec<String>) = (row.get(1), row.get(2));
        let definition: Option<Function> =
            row.get::<_, Option<serde_json::Value>>(11).and_then(|it| serde_json::from_value(it).ok());
        let volatility = match row.get::<_, &str>(5) {
            "i" => "immutable",
            "s" => "stable",
            _ => "volatile",
        };
        DeployedFunction {
            name: row.get(0),
            arguments: names.into_iter().zip(types.iter().map(|it| bare(it))).collect(),
            returns: bare(row.get::<_, Option<&str>>(3).unwrap_or_default()),
            language: row.get(4),
            volatility: volatility.into(),
            strict: row.get(6),
            security_definer: row.get(7),
            defaults: usize::try_from(row.get::<_, i32>(8)).unwrap_or_default(),
            body: row.get(9),
            comment: row.get(10),
            definition,
        }
    };
    Ok(rows.iter().map(read).collect())
}
