//! Values: in double quotes, in lists `(a,b)`, in arrays `{a,b}`.

use super::cursor::Cursor;
use crate::DialectError;

/// Values in one list.
const MAX_VALUES: usize = 10_000;
/// Nested braces in a value of a logic tree: as many as a PostgreSQL array has dimensions.
const MAX_BRACES: usize = 6;

const LIST_HINT: &str = "Write column=in.(1,2,3); put values with one of ,.:() in double quotes.";

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Behind `column=operator.`: everything up to the end belongs to it.
    Parameter,
    /// In `and=(…)`: it ends at a comma or a closing parenthesis, if it is not in quotes or braces.
    Tree,
}

/// `"…"`, where a backslash protects the character behind it.
pub(super) fn quoted(cursor: &mut Cursor<'_>) -> Result<String, DialectError> {
    let before = *cursor;
    cursor.expect("\"", "a double quote")?;
    let mut text = String::new();
    loop {
        match cursor.next() {
            Some('"') => return Ok(text),
            Some('\\') => text.extend(cursor.next()),
            Some(character) => text.push(character),
            None => {
                const HINT: &str = "Close the double quote; inside, write \\\" for a quote and \\\\ for a backslash.";
                return Err(before.refuse(HINT));
            }
        }
    }
}

/// One value.
pub(super) fn value(cursor: &mut Cursor<'_>, place: Place) -> Result<String, DialectError> {
    match place {
        Place::Parameter => Ok(cursor.take_rest().to_owned()),
        Place::Tree => {
            let mut ahead = *cursor;
            if cursor.peek() == Some('"')
                && let Ok(text) = quoted(&mut ahead)
                && matches!(ahead.peek(), None | Some(',' | ')'))
            {
                *cursor = ahead;
                return Ok(text);
            }
            if let Some(text) = braces(cursor) {
                return Ok(text.to_owned());
            }
            Ok(cursor.take_while(|character| !matches!(character, ',' | ')')).to_owned())
        }
    }
}

/// `{…}` up to the brace that closes it, if there is one.
fn braces<'a>(cursor: &mut Cursor<'a>) -> Option<&'a str> {
    // Else what is no array would be read as one from its first brace on.
    if cursor.peek() != Some('{') {
        return None;
    }
    let mut ahead = *cursor;
    let mut depth = 0;
    loop {
        match ahead.peek()? {
            '"' => {
                quoted(&mut ahead).ok()?;
                continue;
            }
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth > MAX_BRACES {
            return None;
        }
        ahead.next();
        if depth == 0 {
            let text = &cursor.rest()[..cursor.rest().len() - ahead.rest().len()];
            *cursor = ahead;
            return Some(text);
        }
    }
}

/// `(a,b,"c,d")`
pub(super) fn list(cursor: &mut Cursor<'_>, place: Place) -> Result<Vec<String>, DialectError> {
    cursor.skip_spaces();
    if !cursor.eat("(") {
        return Err(cursor.error_with("\"(\"", LIST_HINT));
    }
    cursor.skip_spaces();
    let mut values = Vec::new();
    if closes(cursor, place) {
        return Ok(values);
    }
    loop {
        if values.len() == MAX_VALUES {
            return Err(cursor.refuse(&format!("A list may have {MAX_VALUES} values. Ask in several requests.")));
        }
        values.push(element(cursor, place)?);
        if closes(cursor, place) {
            return Ok(values);
        }
        if !cursor.eat(",") {
            return Err(cursor.error_with("\",\" or \")\"", LIST_HINT));
        }
    }
}

/// Passes the parenthesis that ends a list. As the value of a parameter, the list ends at the last one: values may hold others.
fn closes(cursor: &mut Cursor<'_>, place: Place) -> bool {
    let ends = match place {
        Place::Parameter => cursor.rest().trim_end_matches([' ', '\t']) == ")",
        Place::Tree => cursor.rest().starts_with(')'),
    };
    if ends {
        cursor.next();
        cursor.skip_spaces();
    }
    ends
}

fn element(cursor: &mut Cursor<'_>, place: Place) -> Result<String, DialectError> {
    let mut ahead = *cursor;
    ahead.skip_spaces();
    if ahead.peek() == Some('"') {
        let text = quoted(&mut ahead)?;
        ahead.skip_spaces();
        *cursor = ahead;
        return Ok(text);
    }
    if place == Place::Tree {
        return Ok(cursor.take_while(|character| !matches!(character, ',' | ')')).to_owned());
    }
    let rest = cursor.rest();
    let last = rest.trim_end_matches([' ', '\t']);
    let last = last.strip_suffix(')').map_or(rest.len(), str::len);
    let end = rest.find(',').unwrap_or(rest.len()).min(last);
    let text = &rest[..end];
    while cursor.rest().len() > rest.len() - end {
        cursor.next();
    }
    Ok(text.to_owned())
}

/// `{a,"b,c"}`, as PostgreSQL writes arrays.
pub(super) fn array(text: &str, within: &Cursor<'_>) -> Result<Vec<String>, DialectError> {
    const HINT: &str = "Write column=eq(any).{a,b}; put values with one of ,{}\\\" in double quotes.";
    let mut cursor = within.on(text);
    let mut values = Vec::new();
    cursor.skip_spaces();
    if !cursor.eat("{") {
        return Err(cursor.error_with("\"{\"", HINT));
    }
    cursor.skip_spaces();
    if !cursor.eat("}") {
        loop {
            if values.len() == MAX_VALUES {
                return Err(cursor.refuse(&format!("A list may have {MAX_VALUES} values. Ask in several requests.")));
            }
            cursor.skip_spaces();
            values.push(if cursor.peek() == Some('"') { quoted(&mut cursor)? } else { bare(&mut cursor, HINT)? });
            cursor.skip_spaces();
            if cursor.eat("}") {
                break;
            }
            if !cursor.eat(",") {
                return Err(cursor.error_with("\",\" or \"}\"", HINT));
            }
        }
    }
    cursor.skip_spaces();
    if cursor.at_end() { Ok(values) } else { Err(cursor.error_with("end of input", HINT)) }
}

/// An element of an array that is not in quotes.
fn bare(cursor: &mut Cursor<'_>, hint: &str) -> Result<String, DialectError> {
    let before = *cursor;
    let mut text = String::new();
    // Up to where spaces at the end are not part of it.
    let mut end = 0;
    while let Some(character) = cursor.peek() {
        match character {
            ',' | '}' => break,
            '{' | '"' => return Err(cursor.error_with("a value", hint)),
            '\\' => {
                cursor.next();
                text.extend(cursor.peek());
                end = text.len();
            }
            ' ' | '\t' => text.push(character),
            _ => {
                text.push(character);
                end = text.len();
            }
        }
        cursor.next();
    }
    text.truncate(end);
    if text.is_empty() {
        return Err(before.error_with("a value", hint));
    }
    if text.eq_ignore_ascii_case("null") {
        return Err(before.refuse("Nothing compares to null: ask with is.null; for the text, write \"null\" in double quotes."));
    }
    Ok(text)
}
