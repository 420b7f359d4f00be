//! What an insert gives to columns as texts. Where nothing changes them on their way into the record, a rule may be seen to hold for what
//! is written before it is: having PostgreSQL tell of the record costs it a tenth of a small insert.

use std::borrow::Cow;

use cloche_definitions::role::Comparison;
use tokio_postgres::types::Type;

use super::Context;
use super::write::{Body, Target};
use crate::access::{Condition, Rows};
use crate::postgres::schema::{Column, Table, TableKind};

/// The columns that are written, with their values.
pub(super) struct Given<'g> {
    columns: &'g [&'g Column],
    texts: &'g [Option<Cow<'g, str>>],
    /// What is given is what will be there.
    is_kept: bool,
}

impl<'g> Given<'g> {
    /// None unless the body is one object whose values can all be given as texts.
    pub(super) fn of(
        context: &Context<'_>,
        table: &Table,
        columns: &'g [&'g Column],
        body: &'g Body<'_>,
        target: Target<'_>,
    ) -> Option<Self> {
        let texts = body.scalars.as_deref()?;
        let fits = matches!(target, Target::Filtered) && !columns.is_empty() && columns.iter().all(|column| takes_text(column));
        // No trigger and no rewriting of the owner's, as far as is known.
        let is_kept = context.is_recent && table.kind == TableKind::Table && !table.writes_run_code && !table.inserts_leave_state;
        fits.then_some(Self { columns, texts, is_kept })
    }

    pub(super) fn pairs(&self) -> impl Iterator<Item = (&'g Column, &'g Option<Cow<'g, str>>)> {
        self.columns.iter().copied().zip(self.texts)
    }

    /// Whether the record will be one of `rows`, for certain.
    pub(super) fn meets(&self, rows: &Rows<'_>) -> bool {
        self.is_kept && rows.0.iter().any(|all| all.iter().all(|condition| self.meets_one(condition)))
    }

    /// Two texts that are the same stand for the same value; of others only PostgreSQL knows.
    fn meets_one(&self, condition: &Condition<'_>) -> bool {
        if !condition.field.path.is_empty() || !matches!(condition.operator, Comparison::Eq | Comparison::In) {
            return false;
        }
        let mut given = self.pairs().filter(|(column, _)| column.name == condition.field.column && keeps_text(column));
        given.any(|(_, text)| text.as_deref().is_some_and(|text| condition.value.texts().any(|wanted| wanted == text)))
    }
}

/// A text, number or boolean in JSON becomes a value of this column by its text alone.
pub(super) fn takes_text(column: &Column) -> bool {
    const UUID: u32 = 2950;
    matches!(column.category, 'B' | 'D' | 'E' | 'I' | 'N' | 'S' | 'T') || column.type_oid == UUID
}

/// Equal texts are equal values of the column's type, at any time, and none is shortened when it is stored.
fn keeps_text(column: &Column) -> bool {
    let type_ = Type::from_oid(column.type_oid);
    type_.is_some_and(|it| matches!(it, Type::BOOL | Type::INT2 | Type::INT4 | Type::INT8 | Type::TEXT | Type::UUID))
}
