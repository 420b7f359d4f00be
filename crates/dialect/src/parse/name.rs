//! Names of columns and resources, and places in JSON.

use super::cursor::Cursor;
use super::list::quoted;
use crate::{DialectError, Field, Step};

/// Steps of one path. JSON that people write is not nested deeper.
const MAX_STEPS: usize = 32;

/// A name: letters, digits, `_`, `$`, spaces and dashes within, or anything in double quotes. Spaces around it are not part of it.
pub(super) fn name(cursor: &mut Cursor<'_>) -> Result<String, DialectError> {
    const EXPECTING: &str = "field name (* or [a..z0..9_$])";
    const HINT: &str = "Write a name of letters, digits and underscores, or put it in double quotes.";
    cursor.skip_spaces();
    let before = *cursor;
    let name = if cursor.peek() == Some('"') {
        let name = quoted(cursor)?;
        cursor.skip_spaces();
        name
    } else {
        let mut name = String::new();
        while let Some(character) = cursor.peek() {
            let dash = character == '-' && !name.is_empty() && !cursor.rest().starts_with("->");
            if !dash && !is_name(character) {
                break;
            }
            name.extend(cursor.next());
        }
        name.truncate(name.trim_end().len());
        name
    };
    if name.is_empty() { Err(before.error_with(EXPECTING, HINT)) } else { Ok(name) }
}

/// Every character beyond ASCII may be part of a name: scripts have marks and joiners that are no letters.
fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || matches!(character, '_' | '$' | ' ')
        || (!character.is_ascii() && !character.is_control())
}

/// `column->path`
pub(super) fn field(cursor: &mut Cursor<'_>) -> Result<Field, DialectError> {
    Ok(Field { column: name(cursor)?, path: path(cursor)? })
}

/// `->key->0->>key`, or nothing.
pub(super) fn path(cursor: &mut Cursor<'_>) -> Result<Vec<Step>, DialectError> {
    let mut steps = Vec::new();
    while cursor.eat("->") {
        if steps.len() == MAX_STEPS {
            return Err(cursor.refuse(&format!("A path may have {MAX_STEPS} steps.")));
        }
        let as_text = cursor.eat(">");
        let (key, is_index) = key(cursor)?;
        steps.push(Step { key, is_index, as_text });
    }
    Ok(steps)
}

fn key(cursor: &mut Cursor<'_>) -> Result<(String, bool), DialectError> {
    const HINT: &str = "Write ->key or ->0; put a key with one of .,:>()- in double quotes.";
    if cursor.peek() == Some('"') {
        let key = quoted(cursor)?;
        cursor.skip_spaces();
        return Ok((key, false));
    }
    let before = *cursor;
    let negative = cursor.eat("-");
    let mut key = String::new();
    while let Some(character) = cursor.peek() {
        let ends = matches!(character, '(' | ':' | '.' | ',' | '>' | ')') || cursor.rest().starts_with("->");
        if ends || (negative && !character.is_ascii_digit()) {
            break;
        }
        key.extend(cursor.next());
    }
    let key = key.trim();
    if key.is_empty() {
        return Err(before.error_with("any non reserved character different from: .,>()", HINT));
    }
    if negative {
        return match format!("-{key}").parse::<i32>() {
            Ok(index) if index < 0 => Ok((index.to_string(), true)),
            _ => Err(before.error_with("an array index", HINT)),
        };
    }
    // Only what PostgreSQL can count with is an index: other rows of digits are keys.
    let is_index = key.parse::<i32>().is_ok_and(|index| index.to_string() == key);
    Ok((key.to_owned(), is_index))
}
