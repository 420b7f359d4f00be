//! Conditions: the caller's filters, beside what rules say.

use cloche_definitions::quote_identifier;
use cloche_dialect::{Boolean, Field, Filter, Is, Item, Join, Node, Operator, Quantifier, Query, Test};

use super::Writer;
use super::level::{Expression, Level, Use};
use crate::error::{Error, Result};

impl<'a, 'p> Writer<'a, 'p> {
    /// All that the records of a level must fit: filters, the guard's rule, and what must be embedded.
    pub(super) fn conditions(&mut self, level: &Level<'a>, query: &Query, found: &mut Vec<String>) -> Result<()> {
        if let Some(rule) = &level.guard.rows {
            found.push(self.rule(level, rule)?);
        }
        for node in &query.filters {
            found.push(self.node(level, query, node)?);
        }
        for item in &query.select {
            if let Item::Embed(embed) = item
                && embed.join == Some(Join::Inner)
            {
                found.push(self.exists(level, embed)?);
            }
        }
        Ok(())
    }

    fn node(&mut self, level: &Level<'a>, query: &Query, node: &Node) -> Result<String> {
        match node {
            Node::Filter(filter) => self.filter(level, query, filter),
            Node::Group { boolean, negated, nodes } => {
                let (between, empty) = match boolean {
                    Boolean::And => (" AND ", "true"),
                    Boolean::Or => (" OR ", "false"),
                };
                let parts: Vec<String> = nodes.iter().map(|node| self.node(level, query, node)).collect::<Result<_>>()?;
                let inner = if parts.is_empty() { empty.to_owned() } else { parts.join(between) };
                Ok(if *negated { format!("NOT ({inner})") } else { format!("({inner})") })
            }
        }
    }

    fn filter(&mut self, level: &Level<'a>, query: &Query, filter: &Filter) -> Result<String> {
        if let Some(condition) = self.embedded(level, query, filter)? {
            return Ok(condition);
        }
        let field = self.deciding(level, &filter.field, Use::Decide, "a filter")?;
        let condition = self.test(&field, &filter.test);
        Ok(if filter.negated { format!("NOT ({condition})") } else { condition })
    }

    /// `actors=is.null`, where actors is embedded: whether there is anything to embed.
    fn embedded(&mut self, level: &Level<'a>, query: &Query, filter: &Filter) -> Result<Option<String>> {
        let Field { column, path } = &filter.field;
        let found = query.select.iter().find_map(|item| match item {
            Item::Embed(embed) if path.is_empty() && embed.name() == column => Some(embed),
            _ => None,
        });
        let Some(embed) = found.filter(|_| level.table.column(column).is_none()) else { return Ok(None) };
        let wants_none = match filter.test {
            Test::Is(Is::Null) => !filter.negated,
            Test::Is(Is::NotNull) => filter.negated,
            _ => {
                return Err(Error::bad_input("PGRST120", "Bad operator on the embedded resource.")
                    .details(format!(
                        "Only is null or not is null filters are allowed on embedded resources, such as '{column}'."
                    ))
                    .hint(format!("Write {column}=is.null or {column}=not.is.null.")));
            }
        };
        let exists = self.exists(level, embed)?;
        Ok(Some(if wants_none { format!("NOT {exists}") } else { exists }))
    }

    /// A field that decides about the answer.
    pub(super) fn deciding(&mut self, level: &Level<'a>, field: &Field, used: Use, place: &str) -> Result<Expression<'a>> {
        let expression = level.field(field, used, place)?;
        if expression.column.is_none() {
            self.is_plain = false;
            self.require_function(&field.column)?;
        }
        Ok(expression)
    }

    pub(super) fn require_function(&self, name: &str) -> Result<()> {
        if self.context.access.function(name) {
            return Ok(());
        }
        Err(Error::forbidden("access/denied", format!("You may not call the function '{name}'.")))
    }

    fn test(&mut self, field: &Expression<'_>, test: &Test) -> String {
        let sql = &field.sql;
        match test {
            Test::Compare { operator, value } => {
                let value = self.bind(value.clone());
                format!("{sql} {} {value}", symbol(*operator))
            }
            Test::Quantified { operator, quantifier, values } => {
                let word = match quantifier {
                    Quantifier::Any => "ANY",
                    Quantifier::All => "ALL",
                };
                let values = self.bind(array_literal(values));
                format!("{sql} {} {word} ({values})", symbol(*operator))
            }
            Test::In(values) => {
                let values = self.bind(array_literal(values));
                format!("{sql} = ANY ({values})")
            }
            Test::Is(is) => format!("{sql} IS {}", tested(*is)),
            Test::Search { operator, language, value } => {
                let function = match operator {
                    Operator::PlainFts => "plainto_tsquery",
                    Operator::PhraseFts => "phraseto_tsquery",
                    Operator::WebFts => "websearch_to_tsquery",
                    _ => "to_tsquery",
                };
                let language = language.as_ref().map(|language| format!("{}::regconfig, ", self.bind(language.clone())));
                let language = language.unwrap_or_default();
                let value = self.bind(value.clone());
                let document =
                    if field.sql_type == "tsvector" { sql.clone() } else { format!("pg_catalog.to_tsvector({language}{sql})") };
                format!("{document} @@ pg_catalog.{function}({language}{value})")
            }
        }
    }
}

/// A column equal to one of another level.
pub(super) fn equal(alias: &str, column: &str, other_alias: &str, other: &str) -> String {
    format!("{alias}.{} = {other_alias}.{}", quote_identifier(column), quote_identifier(other))
}

fn symbol(operator: Operator) -> &'static str {
    match operator {
        Operator::Eq => "=",
        Operator::Neq => "<>",
        Operator::Gt => ">",
        Operator::Gte => ">=",
        Operator::Lt => "<",
        Operator::Lte => "<=",
        Operator::Like => "LIKE",
        Operator::Ilike => "ILIKE",
        Operator::Match => "~",
        Operator::Imatch => "~*",
        Operator::IsDistinct => "IS DISTINCT FROM",
        Operator::Contains => "@>",
        Operator::Contained => "<@",
        Operator::Overlap => "&&",
        Operator::StrictlyLeft => "<<",
        Operator::StrictlyRight => ">>",
        Operator::NotExtendRight => "&<",
        Operator::NotExtendLeft => "&>",
        Operator::Adjacent => "-|-",
        Operator::Fts | Operator::PlainFts | Operator::PhraseFts | Operator::WebFts => "@@",
    }
}

fn tested(is: Is) -> &'static str {
    match is {
        Is::Null => "NULL",
        Is::NotNull => "NOT NULL",
        Is::True => "TRUE",
        Is::False => "FALSE",
        Is::Unknown => "UNKNOWN",
    }
}

/// A PostgreSQL array of texts, in its text form. Quoted, so that `NULL` and `{` are texts too.
pub(super) fn array_literal(values: &[String]) -> String {
    let mut literal = String::with_capacity(2 + values.iter().map(|value| value.len() + 3).sum::<usize>());
    literal.push('{');
    for (at, value) in values.iter().enumerate() {
        literal.push_str(if at == 0 { "\"" } else { ",\"" });
        for character in value.chars() {
            if matches!(character, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(character);
        }
        literal.push('"');
    }
    literal.push('}');
    literal
}
