//! What a database holds, as lines that can be compared: the proof that a branch is faithful.
//!
//! Everything a tenant can make in schema `public`, with its owner and grants, is one line each. A full copy adds what stands
//! for the data: the size of every relation's file (instant copies) or the count of every table's rows (snapshot copies).

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, Error as PgError};

use crate::secrets::hex;
use cloche_definitions::quote_identifier;

/// How much of the contents is compared beside the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Depth {
    /// Objects alone: a system branch starts without rows.
    Objects,
    /// And the size of each relation's main file: the copy is of files.
    FileSizes,
    /// And the number of rows of each table, and the state of each sequence: the copy is of rows.
    RowCounts,
}

/// One line an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// As compared, each with how people read it.
    lines: BTreeMap<String, String>,
    sequences: Vec<SequenceState>,
}

/// Where a sequence was when it was looked at. No snapshot holds it still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SequenceState {
    /// As SQL names it, with its schema.
    pub(crate) name: String,
    pub(crate) last_value: i64,
    pub(crate) is_called: bool,
}

/// How a branch differs from its source; empty when it is faithful.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Differences {
    /// In the source alone.
    pub(crate) missing: Vec<String>,
    /// In the branch alone.
    pub(crate) unexpected: Vec<String>,
}

const OBJECTS: &str = r#"
WITH mine AS (SELECT c.* FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
              -- What is left of an index that could not be built is no part of the schema, and no dump takes it along.
              AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = c.oid AND NOT i.indisvalid AND c.relkind = 'i'))
SELECT format('schema %s owner=%s acl=%s', nspname, nspowner::regrole, nspacl) FROM pg_namespace WHERE nspname = 'public'
UNION ALL
SELECT format('relation %s %s owner=%s acl=%s rls=%s/%s options=%s', relkind, relname, relowner::regrole, (SELECT array_agg(x ORDER BY x::text) FROM unnest(coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner))) x), relrowsecurity,
              relforcerowsecurity, reloptions) FROM mine
UNION ALL
SELECT format('column %s.%s %s notnull=%s identity=%s generated=%s acl=%s default=%s', c.relname, a.attname,
              format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, (SELECT array_agg(x ORDER BY x::text) FROM unnest(a.attacl) x), pg_get_expr(d.adbin, d.adrelid))
    FROM mine c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum WHERE c.relkind <> 'i'
UNION ALL
SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
UNION ALL
SELECT format('index %s', pg_get_indexdef(indexrelid)) FROM pg_index JOIN mine c ON c.oid = indexrelid WHERE indisvalid
UNION ALL
SELECT format('view %s %s', relname, pg_get_viewdef(oid)) FROM mine WHERE relkind IN ('v', 'm')
UNION ALL
SELECT format('trigger %s enabled=%s', pg_get_triggerdef(t.oid), t.tgenabled) FROM pg_trigger t JOIN mine c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal
UNION ALL
SELECT format('rule %s', pg_get_ruledef(r.oid)) FROM pg_rewrite r JOIN mine c ON c.oid = r.ev_class WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT format('policy %s %s %s %s %s %s %s', polname, polrelid::regclass, polcmd, polpermissive, polroles::regrole[],
              pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy
UNION ALL
SELECT format('function %s owner=%s acl=%s definer=%s volatile=%s config=%s body=%s', p.oid::regprocedure, proowner::regrole, (SELECT array_agg(x ORDER BY x::text) FROM unnest(coalesce(proacl, acldefault('f', proowner))) x),
              prosecdef, provolatile, proconfig, md5(concat(prosrc, probin, pg_get_function_sqlbody(p.oid)))) FROM pg_proc p
    WHERE pronamespace = 'public'::regnamespace
UNION ALL
SELECT format('type %s kind=%s owner=%s acl=%s labels=%s', typname, typtype, typowner::regrole, (SELECT array_agg(x ORDER BY x::text) FROM unnest(coalesce(typacl, acldefault('T', typowner))) x),
              (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)) FROM pg_type t
    WHERE typnamespace = 'public'::regnamespace AND typtype <> 'c' AND typelem = 0
UNION ALL
SELECT format('comment %s %s %s', classoid::regclass, objsubid, description) FROM pg_description
    WHERE classoid = 'pg_class'::regclass AND objoid IN (SELECT oid FROM mine)
UNION ALL
SELECT format('grants in %s for %s of %s: %s', defaclnamespace::regnamespace, defaclrole::regrole, defaclobjtype, (SELECT array_agg(x ORDER BY x::text) FROM unnest(defaclacl) x))
    FROM pg_default_acl"#;

const FILE_SIZES: &str = r"
SELECT format('size %s %s', relname, pg_relation_size(oid)) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'm', 'i', 'S')";

impl Fingerprint {
    /// Reads a database as it is now, or as the client's transaction sees it. The login must own what is in `public`, or, to count rows,
    /// be in a transaction that changes nothing.
    pub(crate) async fn read(client: &Client, depth: Depth) -> Result<Self, PgError> {
        let (mut lines, mut sequences) = (Vec::new(), Vec::new());
        // An empty search path makes PostgreSQL print every name with its schema, whoever asks.
        client.batch_execute("SET search_path = ''").await?;
        let rows = client.query(OBJECTS, &[]).await?;
        lines.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        if depth != Depth::Objects {
            // A dump of a schema leaves large objects out: a source that has some is then found not to be copied whole.
            let row = client.query_one("SELECT format('large objects %s', count(*)) FROM pg_largeobject_metadata", &[]).await?;
            lines.push(row.get(0));
        }
        match depth {
            Depth::Objects => {}
            Depth::FileSizes => lines.extend(client.query(FILE_SIZES, &[]).await?.iter().map(|row| row.get::<_, String>(0))),
            Depth::RowCounts => sequences = count_rows(client, &mut lines).await?,
        }
        let compared = |line: &str| if depth == Depth::FileSizes { line.to_owned() } else { without_casts(line) };
        Ok(Self { lines: lines.into_iter().map(|line| (compared(&line), line)).collect(), sequences })
    }

    /// With row counts: where each sequence was.
    pub(crate) fn sequences(&self) -> &[SequenceState] {
        &self.sequences
    }

    /// As [`read`](Self::read), in a transaction of its own that changes nothing. Planning a count runs what the owner calls immutable,
    /// such as the function of a partial index, as whoever counts: it must not be able to do anything with that.
    pub(crate) async fn read_only(client: &Client, depth: Depth) -> Result<Self, PgError> {
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        Self::read(client, depth).await
    }

    /// How `branch` differs from this, the source.
    pub(crate) fn compare(&self, branch: &Self) -> Differences {
        let alone = |these: &Self, others: &Self| {
            let lines = these.lines.iter().filter(|(compared, _)| !others.lines.contains_key(*compared));
            lines.map(|(_, line)| line.clone()).collect()
        };
        Differences { missing: alone(self, branch), unexpected: alone(branch, self) }
    }

    /// One hash over all lines: equal for equal databases. Small enough for an operation's log.
    pub(crate) fn hash(&self) -> String {
        let mut context = digest::Context::new(&digest::SHA256);
        for line in self.lines.keys() {
            context.update(line.as_bytes());
            context.update(b"\n");
        }
        hex(context.finish().as_ref())
    }

    /// How many lines there are to compare.
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }
}

impl Differences {
    pub(crate) fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty()
    }
}

/// A line without the casts and parentheses of its expressions.
///
/// PostgreSQL prints an expression that went through a dump with other casts than before (`'x'::text` for
/// `('x'::character varying)::text`), though it means the same. Files copied as they are have no such differences.
fn without_casts(line: &str) -> String {
    let mut rest = line;
    let mut plain = String::with_capacity(line.len());
    while let Some(at) = rest.find("::") {
        plain.push_str(&rest[..at]);
        rest = after_type(&rest[at + 2..]);
    }
    plain.push_str(rest);
    plain.retain(|c| !matches!(c, '(' | ')' | ' ' | '\n'));
    plain
}

/// What follows the name of a type: `character varying(10)[]`, `"Odd"`, `public.mood`.
fn after_type(text: &str) -> &str {
    const SPACED: [&str; 7] = [
        "character varying",
        "double precision",
        "bit varying",
        "timestamp with time zone",
        "timestamp without time zone",
        "time with time zone",
        "time without time zone",
    ];
    let mut rest = match SPACED.iter().find_map(|name| text.strip_prefix(name)) {
        Some(rest) => rest,
        None => {
            let mut quoted = false;
            let end = text.find(|c: char| {
                quoted ^= c == '"';
                !(quoted || c == '"' || c.is_alphanumeric() || matches!(c, '_' | '.' | '$'))
            });
            &text[end.unwrap_or(text.len())..]
        }
    };
    if let Some((size, after)) = rest.strip_prefix('(').and_then(|inner| inner.split_once(')'))
        && size.chars().all(|c| c.is_ascii_digit() || c == ',')
    {
        rest = after;
    }
    while let Some(after) = rest.strip_prefix("[]") {
        rest = after;
    }
    rest
}

async fn count_rows(client: &Client, lines: &mut Vec<String>) -> Result<Vec<SequenceState>, PgError> {
    let tables = client
        .query("SELECT relname::text, relkind = 'S' FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')", &[])
        .await?;
    let mut sequences = Vec::new();
    for table in tables {
        let (name, sequence): (String, bool) = (table.get(0), table.get(1));
        let quoted = format!("public.{}", quote_identifier(&name));
        if sequence {
            let row = client.query_one(&format!("SELECT last_value, is_called FROM {quoted}"), &[]).await?;
            let state = SequenceState { name: quoted, last_value: row.get(0), is_called: row.get(1) };
            lines.push(format!("sequence {name} {} {}", state.last_value, state.is_called));
            sequences.push(state);
        } else {
            let row = client.query_one(&format!("SELECT count(*) FROM ONLY {quoted}"), &[]).await?;
            lines.push(format!("rows {name} {}", row.get::<_, i64>(0)));
        }
    }
    Ok(sequences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_compared_without_their_casts() {
        let before = "CHECK (((s)::text = ANY ((ARRAY['x'::character varying, 'y'::character varying])::text[])))";
        let after = "CHECK (((s)::text = ANY (ARRAY[('x'::character varying)::text, ('y'::character varying)::text])))";
        assert_eq!(without_casts(before), without_casts(after));
        assert_eq!(without_casts("a::numeric(10,2) > 1 AND b::public.\"Odd one\"[] IS NULL"), "a>1ANDbISNULL");
        assert_ne!(without_casts("CHECK ((n > 1))"), without_casts("CHECK ((n > 2))"));
    }
}
