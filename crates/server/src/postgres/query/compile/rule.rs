//! What roles say about records, as conditions.

use std::slice;

use cloche_definitions::quote_literal;
use cloche_definitions::role::Comparison;
use tokio_postgres::types::Type;

use super::Writer;
use super::filter::array_literal;
use super::level::{Expression, Level, Use};
use crate::access::{Condition, Rows, Value};
use crate::error::Result;
use crate::postgres::schema::Column;

impl<'a, 'p> Writer<'a, 'p> {
    /// Whether a record of the level is one of `rows`.
    pub(super) fn rule(&mut self, level: &Level<'a>, rows: &Rows<'_>) -> Result<String> {
        match rows.0.as_slice() {
            [] => Ok("(false)".to_owned()),
            [only] => self.meets(level, only),
            several => {
                let any: Vec<String> = several.iter().map(|all| self.meets(level, all)).collect::<Result<_>>()?;
                Ok(format!("({})", any.join(" OR ")))
            }
        }
    }

    /// Whether it meets all of these.
    fn meets(&mut self, level: &Level<'a>, conditions: &[Condition<'_>]) -> Result<String> {
        match conditions {
            [] => Ok("(true)".to_owned()),
            [only] => self.condition(level, only),
            several => {
                let all: Vec<String> = several.iter().map(|one| self.condition(level, one)).collect::<Result<_>>()?;
                Ok(format!("({})", all.join(" AND ")))
            }
        }
    }

    fn condition(&mut self, level: &Level<'a>, condition: &Condition<'_>) -> Result<String> {
        let field = self.deciding(level, condition.field, Use::Rule, "a rule")?;
        let compared = match condition.operator {
            Comparison::Eq => " = ",
            Comparison::Neq => " <> ",
            Comparison::Gt => " > ",
            Comparison::Gte => " >= ",
            Comparison::Lt => " < ",
            Comparison::Lte => " <= ",
            Comparison::Contains => return Ok([&field.sql, " @> ", &self.bind(list(&condition.value))].concat()),
            Comparison::In => return Ok([&field.sql, " = ANY (", &self.bind(list(&condition.value)), ")"].concat()),
            Comparison::IsNull => {
                return Ok(format!("{} IS {}", field.sql, if condition.is_null() { "NULL" } else { "NOT NULL" }));
            }
        };
        let text = condition.value.texts().next().unwrap_or_default();
        let value =
            if condition.is_fixed && is_always_read_alike(&field) { quote_literal(text) } else { self.bind(text.to_owned()) };
        Ok([&field.sql, compared, &value].concat())
    }
}

/// An array of the values, in its text form.
fn list(value: &Value<'_>) -> String {
    match value {
        Value::One(value) => array_literal(slice::from_ref(&value.clone().into_owned())),
        Value::Many(values) => array_literal(values),
    }
}

/// Whether a text stands for the same value of the field's type at any time. Then what a role's file compares with is written out, so that
/// PostgreSQL knows how many records it means, and finds them by an index that has only those. Others are bound, as all that comes with
/// a request is: the `now` of a kept statement would be the time when it was first prepared.
fn is_always_read_alike(field: &Expression<'_>) -> bool {
    let of_column = |column: &Column| {
        let type_ = Type::from_oid(column.type_oid);
        type_.is_some_and(|it| {
            matches!(it, Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 | Type::TEXT | Type::VARCHAR | Type::UUID)
        })
    };
    field.column.is_some_and(of_column)
}
