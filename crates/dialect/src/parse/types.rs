//! Names of types behind `::`. They are written into SQL, so nothing passes that could be more than a name.

use super::cursor::Cursor;
use super::select::aggregate;
use crate::DialectError;

/// Characters of a type's name: two names of PostgreSQL's greatest length and what stands around them.
const MAX_LENGTH: usize = 160;

const EXPECTING: &str = "a type (text, numeric(10,2), int4[])";
const HINT: &str = "Write column::type, as in amount::text, price::numeric(10,2), tags::text[].";

/// `text`, `double precision`, `numeric(10,2)`, `timestamp(3) with time zone`, `int4[]`, `public.mood`, `"Mood"`.
pub(super) fn type_name(cursor: &mut Cursor<'_>) -> Result<String, DialectError> {
    let before = *cursor;
    let mut name = part(cursor)?;
    // A point may also begin `.sum()`.
    if cursor.peek() == Some('.') && aggregate(&mut { *cursor }).is_none() {
        cursor.next();
        name = format!("{name}.{}", part(cursor)?);
    }
    if let Some(size) = size(cursor)? {
        name.push_str(&size);
        let words = words(cursor);
        if !words.is_empty() {
            name = format!("{name} {words}");
        }
    }
    while cursor.eat("[]") {
        name.push_str("[]");
    }
    cursor.skip_spaces();
    if name.len() > MAX_LENGTH { Err(before.error_with(EXPECTING, HINT)) } else { Ok(name) }
}

fn part(cursor: &mut Cursor<'_>) -> Result<String, DialectError> {
    cursor.skip_spaces();
    let before = *cursor;
    if cursor.eat("\"") {
        let name = cursor.take_while(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | ' '));
        if name.is_empty() || !cursor.eat("\"") {
            return Err(cursor.error_with(EXPECTING, HINT));
        }
        return Ok(format!("\"{name}\""));
    }
    let name = words(cursor);
    if name.is_empty() || name.starts_with(|character: char| character.is_ascii_digit()) {
        return Err(before.error_with(EXPECTING, HINT));
    }
    Ok(name)
}

/// Words with one space between them.
fn words(cursor: &mut Cursor<'_>) -> String {
    let text = cursor.take_while(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | ' '));
    text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

/// `(10,2)`
fn size(cursor: &mut Cursor<'_>) -> Result<Option<String>, DialectError> {
    if !cursor.eat("(") {
        return Ok(None);
    }
    let text = cursor.take_while(|character| character.is_ascii_digit() || matches!(character, ',' | ' '));
    let numbers: Vec<_> = text.split(',').map(str::trim).collect();
    let valid = |number: &&str| (1..=4).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit());
    if numbers.len() > 2 || !numbers.iter().all(valid) || !cursor.eat(")") {
        return Err(cursor.error_with(EXPECTING, HINT));
    }
    Ok(Some(format!("({})", numbers.join(","))))
}
