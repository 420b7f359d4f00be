//! Which columns of views are columns of tables: keys of those tables lead to and from the views as well.
//!
//! PostgreSQL notes with every output of a view's query which column it comes from, where it is one as it is. That note is in the text
//! of the query's tree, which is read here just as far as that.

use std::collections::HashMap;

use serde::Deserialize;
use tokio_postgres::types::Json;
use tokio_postgres::{Error, Row};

use super::relationships::ForeignKey;

/// Views on views that are seen through.
const MAX_DEPTH: usize = 10;
/// Ways that one key opens through views: a table with many views that refer to each other would have the square of them.
const MAX_WAYS: usize = 200;

/// A view as the catalogs tell it.
pub(super) struct View {
    oid: u32,
    name: String,
    /// Its columns by their numbers.
    columns: HashMap<i32, String>,
    /// Where they come from.
    origins: Vec<Origin>,
    /// The columns of `public` that it uses.
    uses: Vec<Used>,
}

/// That the column with number `output` is column `number` of `relation`.
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    output: i32,
    relation: u32,
    number: i32,
}

#[derive(Deserialize)]
struct Used {
    oid: u32,
    table: String,
    number: i32,
    column: String,
}

#[derive(Deserialize)]
struct Named {
    number: i32,
    name: String,
}

/// Views and materialized views of `public` that the data role may use.
pub(super) const VIEWS: &str = r#"
SELECT c.oid AS oid, c.relname::text AS name, r.ev_action::text AS tree,
    (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('number', a.attnum, 'name', a.attname)), '[]')
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT coalesce(pg_catalog.json_agg(DISTINCT pg_catalog.jsonb_build_object(
            'oid', f.oid::bigint, 'table', f.relname, 'number', a.attnum, 'column', a.attname)), '[]')
        FROM pg_catalog.pg_depend d
        JOIN pg_catalog.pg_class f ON f.oid = d.refobjid AND f.relnamespace = c.relnamespace
        JOIN pg_catalog.pg_attribute a ON a.attrelid = f.oid AND a.attnum = d.refobjsubid
        WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
            AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refobjsubid > 0 AND f.oid <> c.oid) AS uses
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
WHERE c.relnamespace = 'public'::pg_catalog.regnamespace AND c.relkind IN ('v', 'm')
    AND pg_catalog.has_any_column_privilege(c.oid, 'SELECT')
"#;

impl View {
    pub(super) fn of(row: &Row) -> Result<Self, Error> {
        let Json(columns): Json<Vec<Named>> = row.try_get("columns")?;
        let Json(uses): Json<Vec<Used>> = row.try_get("uses")?;
        Ok(Self {
            oid: row.try_get("oid")?,
            name: row.try_get("name")?,
            columns: columns.into_iter().map(|column| (column.number, column.name)).collect(),
            origins: origins(row.try_get("tree")?),
            uses,
        })
    }
}

/// The keys, and beside each those that it makes between views of its two tables.
pub(super) fn with_views(keys: Vec<ForeignKey>, views: &[View]) -> Vec<ForeignKey> {
    if views.is_empty() {
        return keys;
    }
    // Table → views of it, each with the names that the table's columns have there.
    let mut by_table: HashMap<String, Vec<(&str, HashMap<String, &str>)>> = HashMap::new();
    for view in views {
        let mut found: HashMap<String, HashMap<String, &str>> = HashMap::new();
        for (number, name) in &view.columns {
            if let Some((table, column)) = origin(view, *number, views, 0) {
                let names = found.entry(table.to_owned()).or_default();
                // Of a column that is shown twice, the name it has itself, or always the same one.
                let known = names.entry(column.to_owned()).or_insert(name);
                if *known != column && (name == column || name.as_str() < *known) {
                    *known = name;
                }
            }
        }
        for (table, names) in found {
            by_table.entry(table).or_default().push((&view.name, names));
        }
    }
    let mut all = Vec::new();
    for key in keys {
        let mut ways = 0;
        for (table, here) in ends(&key.table, &by_table) {
            for (foreign, there) in ends(&key.foreign, &by_table) {
                let name = |names: Option<&HashMap<String, &str>>, column: &str| match names {
                    None => Some(column.to_owned()),
                    Some(names) => names.get(column).map(|name| (*name).to_owned()),
                };
                let columns: Option<Vec<(String, String)>> =
                    key.columns.iter().map(|(one, other)| Some((name(here, one)?, name(there, other)?))).collect();
                if let Some(columns) = columns.filter(|_| ways < MAX_WAYS) {
                    ways += 1;
                    let (table, foreign) = (table.to_owned(), foreign.to_owned());
                    all.push(ForeignKey { name: key.name.clone(), table, foreign, columns, is_unique: key.is_unique });
                }
            }
        }
    }
    all
}

/// A table itself and all views of it.
fn ends<'v>(
    table: &'v str,
    views: &'v HashMap<String, Vec<(&'v str, HashMap<String, &'v str>)>>,
) -> impl Iterator<Item = (&'v str, Option<&'v HashMap<String, &'v str>>)> {
    let views = views.get(table).into_iter().flatten().map(|(name, columns)| (*name, Some(columns)));
    std::iter::once((table, None)).chain(views)
}

/// The table and column that a view's column is.
fn origin<'v>(view: &'v View, number: i32, views: &'v [View], depth: usize) -> Option<(&'v str, &'v str)> {
    let origin = view.origins.iter().find(|origin| origin.output == number)?;
    if let Some(inner) = views.iter().find(|view| view.oid == origin.relation) {
        return if depth < MAX_DEPTH { self::origin(inner, origin.number, views, depth + 1) } else { None };
    }
    let used = view.uses.iter().find(|used| used.oid == origin.relation && used.number == origin.number)?;
    Some((&used.table, &used.column))
}

/// Reads the outputs of the outermost query. In the tree, `{` begins a node, `:name value` is a field, and a backslash protects what
/// stands in names.
fn origins(tree: &str) -> Vec<Origin> {
    let mut found = Vec::new();
    let mut depth = 0;
    let mut entry = Origin { output: 0, relation: 0, number: 0 };
    let mut words = Words(tree);
    while let Some(word) = words.next() {
        match word {
            "{" => {
                depth += 1;
                // The query is the first node; its outputs are nodes in it.
                if depth == 2 {
                    entry = Origin { output: 0, relation: 0, number: 0 };
                }
            }
            "}" => {
                if depth == 2 && entry.relation != 0 && entry.number > 0 {
                    found.push(std::mem::replace(&mut entry, Origin { output: 0, relation: 0, number: 0 }));
                }
                depth -= 1;
            }
            // A name may be anything, also that of a field.
            ":resname" => drop(words.next()),
            ":resno" if depth == 2 => entry.output = number(words.next()),
            ":resorigtbl" if depth == 2 => entry.relation = number(words.next()),
            ":resorigcol" if depth == 2 => entry.number = number(words.next()),
            _ => {}
        }
    }
    found
}

fn number<T: std::str::FromStr + Default>(word: Option<&str>) -> T {
    word.and_then(|word| word.parse().ok()).unwrap_or_default()
}

/// The words of a tree: braces and parentheses by themselves, all else up to a space.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0.trim_start_matches([' ', '\n', '\t']);
        let is_sign = |byte: u8| matches!(byte, b'{' | b'}' | b'(' | b')');
        let bytes = text.as_bytes();
        let mut end = 0;
        match bytes.first()? {
            sign if is_sign(*sign) => end = 1,
            _ => {
                while end < bytes.len() && !is_sign(bytes[end]) && !bytes[end].is_ascii_whitespace() {
                    end += if bytes[end] == b'\\' { 2 } else { 1 };
                }
            }
        }
        // A backslash at the very end, or before a character of several bytes, is in no tree; text is only cut where it can be.
        let end = (end..=text.len()).find(|end| text.is_char_boundary(*end)).unwrap_or(text.len());
        self.0 = &text[end..];
        Some(&text[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(oid: u32, name: &str, columns: &[&str], origins: Vec<Origin>, uses: &[(u32, &str, i32, &str)]) -> View {
        let columns = columns.iter().enumerate().map(|(at, name)| (at as i32 + 1, (*name).to_owned())).collect();
        let used = |(oid, table, number, column): &(u32, &str, i32, &str)| Used {
            oid: *oid,
            table: (*table).to_owned(),
            number: *number,
            column: (*column).to_owned(),
        };
        View { oid, name: name.to_owned(), columns, origins, uses: uses.iter().map(used).collect() }
    }

    #[test]
    fn outputs_of_the_outermost_query() {
        let tree = "({QUERY :commandType 1 :rtable ({RANGETBLENTRY :subquery {QUERY :targetList ({TARGETENTRY :resno 1 :resorigtbl 7 \
            :resorigcol 9 :resjunk false})}}) :targetList ({TARGETENTRY :expr {VAR :varno 1} :resno 1 :resname id :ressortgroupref 0 \
            :resorigtbl 16385 :resorigcol 3 :resjunk false} {TARGETENTRY :expr {OPEXPR :args ({CONST :constvalue 4 [ 1 0 ]})} :resno 2 \
            :resname a\\ \\{b :resorigtbl 0 :resorigcol 0 :resjunk false} {TARGETENTRY :resno 3 :resname :resorigtbl :resorigtbl 16390 \
            :resorigcol 1 :resjunk false}) :override 0})";
        let expected = [Origin { output: 1, relation: 16385, number: 3 }, Origin { output: 3, relation: 16390, number: 1 }];
        assert_eq!(origins(tree), expected);
        for broken in ["", "}}}", "{{{ :resno", ":resno é\\", "\\"] {
            assert_eq!(origins(broken), []);
        }
    }

    #[test]
    fn keys_reach_views_and_views_of_views() {
        let from = |output, relation, number| Origin { output, relation, number };
        let recent = view(
            20,
            "recent",
            &["id", "by"],
            vec![from(1, 10, 1), from(2, 10, 2)],
            &[(10, "films", 1, "id"), (10, "films", 2, "director_id")],
        );
        let newest = view(21, "newest", &["made_by"], vec![from(1, 20, 2)], &[(20, "recent", 2, "by")]);
        let key = ForeignKey {
            name: "k".into(),
            table: "films".into(),
            foreign: "directors".into(),
            columns: vec![("director_id".into(), "id".into())],
            is_unique: false,
        };
        let keys = with_views(vec![key], &[recent, newest]);
        let mut found: Vec<_> =
            keys.iter().map(|key| (key.table.as_str(), key.columns[0].0.as_str(), key.foreign.as_str())).collect();
        found.sort_unstable();
        assert_eq!(
            found,
            [("films", "director_id", "directors"), ("newest", "made_by", "directors"), ("recent", "by", "directors")]
        );
    }
}
