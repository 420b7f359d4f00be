//! The lists of the dialect: items between commas, where double quotes and parentheses protect what is inside.

use crate::error::{Error, Result};

/// Splits at the commas that are outside quotes and parentheses. Items keep their quotes.
pub(super) fn split(text: &str, parameter: &str) -> Result<Vec<String>> {
    let mut items = Vec::new();
    let mut item = String::new();
    let (mut quoted, mut depth) = (false, 0usize);
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => {
                item.push('\\');
                item.extend(characters.next());
                continue;
            }
            '"' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                items.push(std::mem::take(&mut item));
                continue;
            }
            _ => {}
        }
        item.push(character);
    }
    if quoted {
        return Err(Error::bad_input("request/malformed-parameter", format!("A double quote in '{parameter}' is not closed."))
            .hint("Inside double quotes, write \\\" for a quote and \\\\ for a backslash."));
    }
    items.push(item);
    Ok(items)
}

/// Takes a name off the front of `item`, up to the first of `ends` outside quotes; the rest starts with that character.
pub(super) fn name<'a>(item: &'a str, ends: &[char]) -> (String, &'a str) {
    if !item.starts_with('"') {
        let end = item.find(ends).unwrap_or(item.len());
        return (item[..end].to_owned(), &item[end..]);
    }
    let mut name = String::new();
    let mut characters = item.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (name, &item[at + 1..]),
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => name.push(character),
        }
    }
    (name, "")
}

/// The values of `(a,b,"c,d")`, unquoted.
pub(super) fn values(text: &str, parameter: &str) -> Result<Vec<String>> {
    let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else {
        return Err(Error::bad_input(
            "filter/malformed-value",
            format!("The list of 'in' for '{parameter}' must be in parentheses."),
        )
        .hint(format!("Write {parameter}=in.(1,2,3); put values that hold commas in double quotes.")));
    };
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let items = split_flat(inner, parameter)?;
    Ok(items.iter().map(|item| if item.starts_with('"') { name(item, &[]).0 } else { item.clone() }).collect())
}

/// Like [`split`], but parentheses are characters like any other: values may hold them.
fn split_flat(text: &str, parameter: &str) -> Result<Vec<String>> {
    let mut items = Vec::new();
    let mut rest = text;
    loop {
        let end = match rest.strip_prefix('"') {
            Some(_) => closing_quote(rest).ok_or_else(|| {
                Error::bad_input("filter/malformed-value", format!("A double quote in the list for '{parameter}' is not closed."))
            })?,
            None => rest.find(',').unwrap_or(rest.len()),
        };
        items.push(rest[..end].to_owned());
        rest = &rest[end..];
        match rest.strip_prefix(',') {
            Some(next) => rest = next,
            None if rest.is_empty() => return Ok(items),
            None => {
                return Err(Error::bad_input(
                    "filter/malformed-value",
                    format!("A comma is missing after a quoted value in the list for '{parameter}'."),
                ));
            }
        }
    }
}

/// Where the quoted text at the start of `text` ends, just after its closing quote.
fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}
