//! Logic trees: what stands behind `and=`, `or=`, `not.and=`, `not.or=`.

use super::cursor::Cursor;
use super::filter::test;
use super::list::Place;
use super::name::field;
use crate::{Boolean, DialectError, Filter, Node};

/// Trees in trees. People write three.
const MAX_DEPTH: usize = 10;

const HINT: &str = "Write or=(age.lt.18,age.gt.21): column.operator.value, or another tree, and commas between; put values with \
    one of ,() in double quotes.";

/// `(a.eq.1,or(b.eq.2,c.not.is.null))`
pub(super) fn tree(text: &str, boolean: Boolean, negated: bool) -> Result<Node, DialectError> {
    let mut cursor = Cursor::new(text, "logic tree", HINT);
    cursor.skip_spaces();
    let nodes = nodes(&mut cursor, 1)?;
    cursor.expect_end("end of input")?;
    Ok(Node::Group { boolean, negated, nodes })
}

fn nodes(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Node>, DialectError> {
    if depth > MAX_DEPTH {
        return Err(cursor.refuse(&format!("Conditions may be nested {MAX_DEPTH} deep.")));
    }
    cursor.expect("(", "\"(\"")?;
    let mut nodes = Vec::new();
    loop {
        nodes.push(node(cursor, depth)?);
        cursor.skip_spaces();
        if cursor.eat(")") {
            cursor.skip_spaces();
            return Ok(nodes);
        }
        cursor.expect(",", "\",\" or \")\"")?;
    }
}

fn node(cursor: &mut Cursor<'_>, depth: usize) -> Result<Node, DialectError> {
    cursor.skip_spaces();
    if let Some((boolean, negated)) = opens(cursor) {
        return Ok(Node::Group { boolean, negated, nodes: nodes(cursor, depth + 1)? });
    }
    let field = field(cursor)?;
    cursor.expect(".", "delimiter (.)")?;
    let (negated, test) = test(cursor, Place::Tree)?;
    Ok(Node::Filter(Filter { field, negated, test }))
}

/// Passes `and`, `or`, `not.and` or `not.or` when a parenthesis follows: no column can be meant.
fn opens(cursor: &mut Cursor<'_>) -> Option<(Boolean, bool)> {
    let mut ahead = *cursor;
    let negated = ahead.eat("not.");
    let boolean = if ahead.eat("and") {
        Boolean::And
    } else if ahead.eat("or") {
        Boolean::Or
    } else {
        return None;
    };
    ahead.skip_spaces();
    (ahead.peek() == Some('(')).then(|| {
        *cursor = ahead;
        (boolean, negated)
    })
}
