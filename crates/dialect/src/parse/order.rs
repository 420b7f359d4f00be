//! `order=column.desc.nullslast,relation(column)`.

use super::cursor::Cursor;
use super::name::{field, name, path};
use crate::{DialectError, Field, Order};

/// Sort keys of one request. A program's own making needs far fewer.
const MAX_ORDER: usize = 32;

const HINT: &str = "Write order=column.desc.nullslast: asc or desc, then nullsfirst or nullslast, both optional; \
    order=relation(column) for a column of an embedded resource.";

pub(super) fn orders(text: &str) -> Result<Vec<Order>, DialectError> {
    let mut cursor = Cursor::new(text, "order", HINT);
    let mut orders = Vec::new();
    cursor.skip_spaces();
    if cursor.at_end() {
        return Ok(orders);
    }
    loop {
        if orders.len() == MAX_ORDER {
            return Err(cursor.refuse(&format!("'order' may name {MAX_ORDER} columns. Leave out those that make no difference.")));
        }
        orders.push(order(&mut cursor)?);
        if cursor.at_end() {
            return Ok(orders);
        }
        cursor.expect(",", "delimiter (.), \",\" or end of input")?;
    }
}

fn order(cursor: &mut Cursor<'_>) -> Result<Order, DialectError> {
    let first = name(cursor)?;
    let (relation, field) = if cursor.eat("(") {
        let field = field(cursor)?;
        cursor.expect(")", "\")\"")?;
        (Some(first), field)
    } else {
        (None, Field { column: first, path: path(cursor)? })
    };
    cursor.skip_spaces();
    let mut order = Order { relation, field, descending: false, nulls_first: None };
    let mut directed = false;
    while cursor.peek() == Some('.') && order.nulls_first.is_none() {
        let before = *cursor;
        cursor.next();
        match cursor.take_while(|character| character.is_ascii_alphanumeric()) {
            "asc" if !directed => {}
            "desc" if !directed => order.descending = true,
            "nullsfirst" => order.nulls_first = Some(true),
            "nullslast" => order.nulls_first = Some(false),
            _ if directed => return Err(before.error("\".nullsfirst\" or \".nullslast\"")),
            _ => return Err(before.error("\".asc\", \".desc\", \".nullsfirst\" or \".nullslast\"")),
        }
        directed = true;
    }
    cursor.skip_spaces();
    Ok(order)
}
