//! Order, and going on after the last record of a page.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloche_definitions::quote_identifier;
use cloche_dialect::{Item, Order, Query};

use super::Writer;
use super::level::{Level, Use};
use super::select::Selected;
use crate::error::{Error, Result};
use crate::postgres::encode::BESIDE;
use crate::postgres::rows::Row;

/// The keys that put the records of a list into one order, the primary key at their end.
pub(crate) struct Keyset {
    keys: Vec<Key>,
}

struct Key {
    column: String,
    descending: bool,
    nulls_first: bool,
    not_null: bool,
}

impl<'a, 'p> Writer<'a, 'p> {
    /// ` ORDER BY …`, or nothing.
    pub(super) fn order(&mut self, level: &Level<'a>, query: &Query) -> Result<String> {
        let mut text = String::new();
        for key in &query.order {
            let sql = match &key.relation {
                None => self.deciding(level, &key.field, Use::Decide, "'order'")?.sql,
                Some(relation) => self.related(level, query, relation, key)?,
            };
            text.push_str(if text.is_empty() { " ORDER BY " } else { ", " });
            text.push_str(&sql);
            text.push_str(direction(key.descending, key.nulls_first));
        }
        Ok(text)
    }

    /// `order=directors(last_name)`: a field of the one record embedded under that name.
    fn related(&mut self, level: &Level<'a>, query: &Query, relation: &str, key: &Order) -> Result<String> {
        let embed = query.select.iter().find_map(|item| match item {
            Item::Embed(embed) if embed.name() == relation => Some(embed),
            _ => None,
        });
        let embed = embed.ok_or_else(|| {
            Error::bad_input("PGRST108", format!("'{relation}' is not an embedded resource in this request"))
                .hint(format!("Verify that '{relation}' is included in the 'select' query parameter."))
        })?;
        let way = self.way(level, embed)?;
        if !way.to_one {
            let message = format!("A related order on '{relation}' is not possible");
            return Err(Error::bad_input("PGRST118", message).details(format!(
                "'{}' and '{relation}' do not form a many-to-one or one-to-one relationship",
                level.table.name
            )));
        }
        let child = self.child(level, &way);
        let correlation = self.correlation(level, &child, &way)?;
        let from = self.from(&child, &embed.query, Some(correlation))?;
        let field = self.deciding(&child, &key.field, Use::Decide, "'order'")?;
        Ok(format!("(SELECT {}{} LIMIT 1)", field.sql, from.sql("", None)))
    }

    /// The records behind those that `token` tells of.
    pub(super) fn after(&mut self, level: &Level<'a>, keyset: &Keyset, token: &str) -> Result<String> {
        let values = keyset.read(token)?;
        let column = |key: &Key| format!("{}.{}", level.alias, quote_identifier(&key.column));
        if keyset.keys.iter().all(|key| key.not_null && key.descending == keyset.keys[0].descending) {
            let columns: Vec<String> = keyset.keys.iter().map(column).collect();
            let bound: Vec<String> = values.into_iter().map(|value| self.bind(value.unwrap_or_default())).collect();
            let sign = if keyset.keys[0].descending { '<' } else { '>' };
            return Ok(format!("({}) {sign} ({})", columns.join(", "), bound.join(", ")));
        }
        let mut ways = Vec::new();
        let mut same: Vec<String> = Vec::new();
        for (key, value) in keyset.keys.iter().zip(values) {
            let column = column(key);
            let bound = value.map(|value| self.bind(value));
            let behind = match &bound {
                None if key.nulls_first => Some(format!("{column} IS NOT NULL")),
                None => None,
                Some(bound) => {
                    let sign = if key.descending { '<' } else { '>' };
                    let nulls = if key.nulls_first || key.not_null { String::new() } else { format!(" OR {column} IS NULL") };
                    Some(format!("({column} {sign} {bound}{nulls})"))
                }
            };
            if let Some(behind) = behind {
                ways.push(same.iter().cloned().chain([behind]).collect::<Vec<_>>().join(" AND "));
            }
            same.push(match bound {
                Some(bound) => format!("{column} = {bound}"),
                None => format!("{column} IS NULL"),
            });
        }
        Ok(if ways.is_empty() { "false".to_owned() } else { format!("(({}))", ways.join(") OR (")) })
    }
}

impl Keyset {
    /// For a page of ordered records whose keys may be told; none for others.
    pub(super) fn of(level: &Level<'_>, query: &Query, selected: &Selected) -> Option<Self> {
        let is_page = !query.order.is_empty() && (query.limit.is_some() || query.after.is_some());
        if !is_page || selected.is_aggregated() || level.table.primary_key.is_empty() {
            return None;
        }
        let key = |name: &str, descending: bool, nulls_first: Option<bool>| {
            let column = level.column(name, Use::Decide, "'order'").ok()?;
            let nulls_first = nulls_first.unwrap_or(descending);
            Some(Key { column: name.to_owned(), descending, nulls_first, not_null: column.not_null })
        };
        let mut keys = Vec::new();
        for asked in &query.order {
            if asked.relation.is_some() || !asked.field.path.is_empty() {
                return None;
            }
            keys.push(key(&asked.field.column, asked.descending, asked.nulls_first)?);
        }
        // In one direction with the rest, so that an index on both serves.
        let descending = keys.last().is_some_and(|last| last.descending);
        for name in &level.table.primary_key {
            if !keys.iter().any(|key| key.column == *name) {
                keys.push(key(name, descending, None)?);
            }
        }
        Some(Self { keys })
    }

    /// ` ORDER BY …`
    pub(super) fn order_by(&self, alias: &str) -> String {
        let keys: Vec<String> = self
            .keys
            .iter()
            .map(|key| {
                let nulls = (!key.not_null).then_some(key.nulls_first);
                format!("{alias}.{}{}", quote_identifier(&key.column), direction(key.descending, nulls))
            })
            .collect();
        format!(" ORDER BY {}", keys.join(", "))
    }

    /// The keys of a record as a JSON array of texts.
    pub(super) fn texts(&self, alias: &str) -> String {
        let texts: Vec<String> = self.keys.iter().map(|key| format!("{alias}.{}::text", quote_identifier(&key.column))).collect();
        format!("pg_catalog.json_build_array({})", texts.join(", "))
    }

    /// The same as columns beside the record's own.
    pub(super) fn beside(&self, alias: &str) -> String {
        let one = |(at, key): (usize, &Key)| {
            let name = quote_identifier(&format!("{BESIDE}{at}"));
            format!(", {alias}.{}::text AS {name}", quote_identifier(&key.column))
        };
        self.keys.iter().enumerate().map(one).collect()
    }

    /// The keys of a row that has them [`Keyset::beside`] its own columns, as [`Keyset::texts`] gives them.
    pub(crate) fn texts_of(&self, row: Row<'_>) -> Option<String> {
        let first = row.values().count().checked_sub(self.keys.len())?;
        let texts = row.values().skip(first).map(|value| value.map(std::str::from_utf8).transpose().ok());
        let texts: Vec<Option<&str>> = texts.collect::<Option<_>>()?;
        serde_json::to_string(&texts).ok()
    }

    /// What `after=` takes to go on behind the record with these keys, as [`Keyset::texts`] gives them.
    pub(crate) fn token(&self, keys: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{keys}", self.name()))
    }

    /// Stands for the columns and directions: a token of another order is refused.
    fn name(&self) -> String {
        let spelled: String =
            self.keys.iter().map(|key| format!("{}\u{1}{}{}\u{2}", key.column, key.descending, key.nulls_first)).collect();
        crate::secrets::hex(&digest(&SHA256, spelled.as_bytes()).as_ref()[..4])
    }

    fn read(&self, token: &str) -> Result<Vec<Option<String>>> {
        let refuse = || {
            Error::bad_input("request/malformed-parameter", "'after' does not come from this list in this order.")
                .hint("Take it from the Link header of the page before, and keep 'order' as it was.")
        };
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| refuse())?;
        let text = String::from_utf8(bytes).ok().ok_or_else(refuse)?;
        let values = text.strip_prefix(&self.name()).ok_or_else(refuse)?;
        let values: Vec<Option<String>> = serde_json::from_str(values).map_err(|_| refuse())?;
        let fits = values.len() == self.keys.len()
            && self.keys.iter().zip(&values).all(|(key, value)| !key.not_null || value.is_some())
            && !values.iter().flatten().any(|value| value.contains('\0'));
        if fits { Ok(values) } else { Err(refuse()) }
    }
}

/// A page cannot be found again by its end.
pub(super) fn no_keyset() -> Error {
    Error::bad_input("request/malformed-parameter", "'after' needs 'order' by columns of a table that has a primary key.")
        .hint("Use limit and offset instead.")
}

fn direction(descending: bool, nulls_first: Option<bool>) -> &'static str {
    match (descending, nulls_first) {
        (false, None) => "",
        (true, None) => " DESC",
        (false, Some(true)) => " NULLS FIRST",
        (false, Some(false)) => " NULLS LAST",
        (true, Some(true)) => " DESC NULLS FIRST",
        (true, Some(false)) => " DESC NULLS LAST",
    }
}
