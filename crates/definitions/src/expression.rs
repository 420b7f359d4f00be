//! Expressions in SQL, written by the owner of the project and put into statements as they are.
//!
//! They are not parsed, only kept from being more than one expression: no end of statement, no comment, nothing unbalanced. Line
//! breaks outside of quotes become spaces (so the layout of a file means nothing, and `E'…'` cannot go on in the next line).

/// The longest expression in bytes.
const MAX_BYTES: usize = 4096;

/// The expression with its white space folded, or why it is refused.
pub(crate) fn normalise(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("the expression is empty".into());
    }
    if text.len() > MAX_BYTES {
        return Err(format!("the expression has {} bytes; at most {MAX_BYTES} are accepted", text.len()));
    }
    let characters: Vec<char> = text.trim().chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut closers: Vec<char> = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let character = characters[at];
        match character {
            '\'' | '"' => {
                let end = closing_quote(&characters, at)
                    .ok_or_else(|| format!("a quote ({character}) is opened and not closed in `{text}`"))?;
                out.extend(&characters[at..=end]);
                at = end;
            }
            '(' => {
                closers.push(')');
                out.push('(');
            }
            '[' => {
                closers.push(']');
                out.push('[');
            }
            ')' | ']' => {
                if closers.pop() != Some(character) {
                    return Err(format!("`{character}` has no partner in `{text}`"));
                }
                out.push(character);
            }
            ';' => return Err("`;` is not accepted: one expression, not statements".into()),
            ',' if closers.is_empty() => return Err(format!("`,` outside of parentheses is not accepted in `{text}`")),
            '-' if characters.get(at + 1) == Some(&'-') => return Err("comments (`--`) are not accepted in expressions".into()),
            '/' if characters.get(at + 1) == Some(&'*') => return Err("comments (`/*`) are not accepted in expressions".into()),
            '$' => return Err("`$` is not accepted outside of quotes: write texts in single quotes".into()),
            '\\' => return Err("`\\` is not accepted outside of quotes".into()),
            _ if character.is_whitespace() => {
                if !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            _ if character.is_control() => return Err("control characters are not accepted in expressions".into()),
            _ => out.push(character),
        }
        at += 1;
    }
    match closers.pop() {
        Some(closer) => Err(format!("`{closer}` is missing in `{text}`")),
        None => Ok(out),
    }
}

/// Walks over a query as [`normalise`] does over an expression; commas and line breaks may stand anywhere outside of quotes.
pub(crate) fn scan_query(text: &str) -> Result<(), String> {
    let characters: Vec<char> = text.chars().collect();
    let mut closers: Vec<char> = Vec::new();
    let mut at = 0;
    while at < characters.len() {
        let next = characters.get(at + 1);
        match characters[at] {
            quote @ ('\'' | '"') => {
                at = closing_quote(&characters, at).ok_or_else(|| format!("a quote ({quote}) is opened and not closed"))?;
                // What PostgreSQL takes for one text may be read by other rules than either line alone.
                let mut rest = characters[at + 1..].iter().skip_while(|c| c.is_whitespace());
                if quote == '\'' && rest.next() == Some(&'\'') {
                    return Err("a text goes on in the next line: write it in one".into());
                }
            }
            '(' => closers.push(')'),
            '[' => closers.push(']'),
            closer @ (')' | ']') if closers.pop() != Some(closer) => return Err(format!("`{closer}` has no partner")),
            ';' => return Err("`;` is not accepted: one query, not statements".into()),
            '-' if next == Some(&'-') => return Err("comments (`--`) are not accepted in queries: use `comment`".into()),
            '/' if next == Some(&'*') => return Err("comments (`/*`) are not accepted in queries: use `comment`".into()),
            '$' => return Err("`$` is not accepted outside of quotes: write texts in single quotes".into()),
            '\\' => return Err("`\\` is not accepted outside of quotes".into()),
            _ => {}
        }
        at += 1;
    }
    closers.pop().map_or(Ok(()), |closer| Err(format!("`{closer}` is missing")))
}

/// What stands between the commas of a select list, up to `FROM` or the end.
pub(crate) fn items(text: &str) -> Option<Vec<String>> {
    let characters: Vec<char> = text.chars().collect();
    let (mut depth, mut at) = (0usize, 0);
    let mut items = vec![String::new()];
    while at < characters.len() {
        let character = characters[at];
        match character {
            '\'' | '"' => {
                let end = closing_quote(&characters, at)?;
                items.last_mut()?.extend(&characters[at..end]);
                at = end;
            }
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            ',' if depth == 0 => {
                items.push(String::new());
                at += 1;
                continue;
            }
            _ => {}
        }
        let word_begins = depth == 0 && is_word(character) && (at == 0 || !is_word(characters[at - 1]));
        if word_begins {
            let word: String = characters[at..].iter().take_while(|c| is_word(**c)).collect();
            match word.to_lowercase().as_str() {
                "from" => return Some(items),
                "distinct" | "union" | "except" | "intersect" => return None,
                _ => {}
            }
        }
        items.last_mut()?.push(characters[at]);
        at += 1;
    }
    Some(items)
}

/// Whether the expression may follow `DEFAULT` without parentheses: a number, a literal, a word, or one function call.
pub(crate) fn is_simple(expression: &str) -> bool {
    let characters: Vec<char> = expression.chars().collect();
    if characters.first() == Some(&'\'') {
        return closing_quote(&characters, 0) == Some(characters.len() - 1);
    }
    let head = characters.iter().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.')).count();
    if head == characters.len() {
        return true;
    }
    let call = &characters[head..];
    head > 0
        && call.first() == Some(&'(')
        && call.last() == Some(&')')
        && call[1..call.len() - 1].iter().all(|c| !"()'\"".contains(*c))
}

/// Whether the word stands in the text, as a name does.
pub(crate) fn mentions(text: &str, word: &str) -> bool {
    text.split(|c: char| !is_word(c)).any(|part| part == word)
}

/// The expression with a name replaced wherever it stands outside of single quotes.
pub(crate) fn rename(text: &str, old: &str, new: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        if characters[at] == '\'' {
            let end = closing_quote(&characters, at).unwrap_or(characters.len() - 1);
            out.extend(&characters[at..=end]);
            at = end + 1;
            continue;
        }
        let word: String = characters[at..].iter().take_while(|c| is_word(**c)).collect();
        if word.is_empty() {
            out.push(characters[at]);
            at += 1;
        } else {
            at += word.chars().count();
            out.push_str(if word == old { new } else { &word });
        }
    }
    out
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

/// Where the quote opened at `start` closes. A doubled quote stands for itself; in `E'…'` a backslash escapes.
fn closing_quote(characters: &[char], start: usize) -> Option<usize> {
    let quote = characters[start];
    let escapes = quote == '\''
        && start > 0
        && matches!(characters[start - 1], 'e' | 'E')
        && (start < 2 || !is_word(characters[start - 2]));
    let mut at = start + 1;
    while at < characters.len() {
        match characters[at] {
            '\0' => return None,
            '\\' if escapes => at += 1,
            character if character == quote => {
                if characters.get(at + 1) != Some(&quote) {
                    return Some(at);
                }
                at += 1;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_one_expression() {
        for (given, expected) in [
            ("now()", "now()"),
            (" length(title)\n  > 0 ", "length(title) > 0"),
            ("'it''s; -- fine'", "'it''s; -- fine'"),
            ("E'a\\'b;'", "E'a\\'b;'"),
            ("'ends in \\'", "'ends in \\'"),
            ("\"odd;name\" = ANY (ARRAY[1, 2])", "\"odd;name\" = ANY (ARRAY[1, 2])"),
            ("a -> 'b' - 1", "a -> 'b' - 1"),
        ] {
            assert_eq!(normalise(given).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn refuses_more_than_one() {
        for given in [
            "",
            "  ",
            "1; drop table x",
            "1 -- x",
            "1 /* x",
            "(1",
            "1)",
            "(1]",
            "'a",
            "\"a",
            "0, ADD COLUMN x int",
            "$$a$$",
            "$1",
            "'a'\\",
            "E'a\\'",
            "1\u{0}",
            "name'\\'; drop table x --'",
        ] {
            assert!(normalise(given).is_err(), "{given}");
        }
        assert!(normalise(&"1".repeat(MAX_BYTES + 1)).is_err());
    }

    #[test]
    fn renames_outside_of_quotes() {
        assert_eq!(rename("length(title) > 0 AND title <> 'title' AND \"title\" <> subtitle", "title", "name"), {
            "length(name) > 0 AND name <> 'title' AND \"name\" <> subtitle"
        });
        assert!(mentions("lower(title)", "title") && !mentions("lower(subtitle)", "title"));
    }

    #[test]
    fn knows_simple_ones() {
        for simple in ["0", "1.50", "now()", "gen_random_uuid()", "'draft'", "'it''s'", "CURRENT_TIMESTAMP", "true", "nextval(x)"]
        {
            assert!(is_simple(simple), "{simple}");
        }
        for other in ["1 + 1", "'a' || 'b'", "now() + now()", "'{}'::text[]", "-1", "true and false", "f('x')"] {
            assert!(!is_simple(other), "{other}");
        }
    }
}
