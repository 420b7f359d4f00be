//! `select=column,alias:column->path::type,target!hint!inner(…),...target(…),amount.sum()`.

use super::cursor::Cursor;
use super::name::{name, path};
use super::types::type_name;
use crate::{Aggregate, Column, DialectError, Embed, Field, Item, Join, Query};

/// Columns and resources of a whole request. PostgreSQL's own limit for the columns of an answer is 1,664.
const MAX_ITEMS: usize = 200;
/// Resources that are embedded. Each is a join.
const MAX_EMBEDS: usize = 30;
/// Resources in resources.
const MAX_DEPTH: usize = 10;

const HINT: &str = "Write select=column,alias:column::type,resource(column): commas between, names with other characters than \
    letters, digits and _ in double quotes.";

pub(super) fn select(text: &str) -> Result<Vec<Item>, DialectError> {
    let mut reader = Reader { cursor: Cursor::new(text, "select parameter", HINT), items: 0, embeds: 0 };
    let items = reader.items(0)?;
    reader.cursor.expect_end("\",\" or end of input")?;
    Ok(items)
}

struct Reader<'a> {
    cursor: Cursor<'a>,
    items: usize,
    embeds: usize,
}

impl Reader<'_> {
    fn items(&mut self, depth: usize) -> Result<Vec<Item>, DialectError> {
        let mut items = Vec::new();
        self.cursor.skip_spaces();
        if matches!(self.cursor.peek(), None | Some(')')) {
            return Ok(items);
        }
        loop {
            if self.items == MAX_ITEMS {
                return Err(self
                    .cursor
                    .refuse(&format!("'select' may name {MAX_ITEMS} columns and resources; '*' names all columns.")));
            }
            self.items += 1;
            items.push(self.item(depth)?);
            self.cursor.skip_spaces();
            if !self.cursor.eat(",") {
                return Ok(items);
            }
        }
    }

    fn item(&mut self, depth: usize) -> Result<Item, DialectError> {
        self.cursor.skip_spaces();
        if self.cursor.eat("...") {
            let target = name(&mut self.cursor)?;
            return self.embed(None, target, true, depth);
        }
        if self.cursor.eat("*") {
            return Ok(Item::All);
        }
        let mut alias = None;
        let mut before = self.cursor;
        let mut first = name(&mut self.cursor)?;
        if self.cursor.peek() == Some(':') && !self.cursor.rest().starts_with("::") {
            self.cursor.next();
            alias = Some(first);
            self.cursor.skip_spaces();
            before = self.cursor;
            if before.rest().starts_with("...") {
                return Err(before.error_with(
                    "field name (* or [a..z0..9_$])",
                    "A resource with ... before it has no name of its own: leave the alias out.",
                ));
            }
            first = name(&mut self.cursor)?;
        }
        let counts = before.rest().trim_start_matches([' ', '\t']).starts_with("count");
        if counts && first == "count" && self.cursor.peek() == Some('(') {
            if !self.cursor.eat("()") {
                return Err(self.cursor.error_with("\"()\"", "Write count() to count records, column.count() to count values; a resource named count goes in double quotes."));
            }
            let field = Field { column: String::new(), path: Vec::new() };
            let aggregate_cast = self.cast()?;
            let column = Column { field, alias, cast: None, aggregate: Some(Aggregate::Count), aggregate_cast };
            return self.ended(Item::Column(column));
        }
        match self.cursor.peek() {
            Some('!' | '(') => self.embed(alias, first, false, depth),
            _ => self.column(alias, first),
        }
    }

    fn column(&mut self, alias: Option<String>, column: String) -> Result<Item, DialectError> {
        let field = Field { column, path: path(&mut self.cursor)? };
        let cast = self.cast()?;
        let (mut aggregate, mut aggregate_cast) = (None, None);
        if self.cursor.peek() == Some('.') {
            aggregate = Some(self.aggregate()?);
            aggregate_cast = self.cast()?;
        }
        self.ended(Item::Column(Column { field, alias, cast, aggregate, aggregate_cast }))
    }

    fn cast(&mut self) -> Result<Option<String>, DialectError> {
        if self.cursor.eat("::") { type_name(&mut self.cursor).map(Some) } else { Ok(None) }
    }

    fn aggregate(&mut self) -> Result<Aggregate, DialectError> {
        match aggregate(&mut self.cursor) {
            Some(aggregate) => Ok(aggregate),
            None => Err(self.cursor.error_with(
                "\".sum()\", \".avg()\", \".count()\", \".max()\" or \".min()\"",
                "Aggregates are column.sum(), .avg(), .count(), .min() and .max(). A name with a point in it goes in double quotes.",
            )),
        }
    }

    /// Behind a column, only another item can follow.
    fn ended(&mut self, item: Item) -> Result<Item, DialectError> {
        self.cursor.skip_spaces();
        match self.cursor.peek() {
            None | Some(',' | ')') => Ok(item),
            Some(_) => Err(self.cursor.error("\"->>\", \"->\", \"::\", \".\", \")\", \",\" or end of input")),
        }
    }

    fn embed(&mut self, alias: Option<String>, target: String, spread: bool, depth: usize) -> Result<Item, DialectError> {
        let (mut hint, mut join) = (None, None);
        loop {
            let before = self.cursor;
            if !self.cursor.eat("!") {
                break;
            }
            let is_quoted = self.cursor.rest().trim_start_matches([' ', '\t']).starts_with('"');
            let parameter = name(&mut self.cursor)?;
            let twice = match parameter.as_str() {
                "inner" if !is_quoted => join.replace(Join::Inner).is_some(),
                "left" if !is_quoted => join.replace(Join::Left).is_some(),
                _ => hint.replace(parameter).is_some(),
            };
            if twice {
                return Err(before
                    .error_with("\"(\"", "Write resource!relationship!inner(…): one relationship, and one of inner and left."));
            }
        }
        let before = self.cursor;
        self.cursor.expect("(", "\"(\"")?;
        self.embeds += 1;
        if self.embeds > MAX_EMBEDS {
            return Err(before.refuse(&format!("'select' may embed {MAX_EMBEDS} resources. Ask in several requests.")));
        }
        if depth == MAX_DEPTH {
            return Err(before.refuse(&format!("Resources may be embedded {MAX_DEPTH} deep.")));
        }
        let select = self.items(depth + 1)?;
        self.cursor.expect(")", "\",\" or \")\"")?;
        let query = Query { select, ..Query::default() };
        Ok(Item::Embed(Embed { alias, target, hint, join, spread, query }))
    }
}

/// Passes `.sum()` and the like.
pub(super) fn aggregate(cursor: &mut Cursor<'_>) -> Option<Aggregate> {
    const AGGREGATES: [(&str, Aggregate); 5] = [
        (".sum()", Aggregate::Sum),
        (".avg()", Aggregate::Avg),
        (".count()", Aggregate::Count),
        (".max()", Aggregate::Max),
        (".min()", Aggregate::Min),
    ];
    AGGREGATES.iter().find(|(text, _)| cursor.eat(text)).map(|(_, aggregate)| *aggregate)
}
