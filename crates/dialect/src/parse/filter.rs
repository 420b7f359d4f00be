//! Conditions: what stands behind `column=`, or behind `column.` in a logic tree.

use super::cursor::Cursor;
use super::list::{Place, array, list, value};
use crate::{DialectError, Is, Operator, Quantifier, Test};

pub(super) const HINT: &str = "Write column=eq.VALUE. Operators: eq, neq, gt, gte, lt, lte, like, ilike, match, imatch, in, is, \
    isdistinct, fts, plfts, phfts, wfts, cs, cd, ov, sl, sr, nxr, nxl, adj; 'not.' before one of them reverses it.";

/// What an operator takes behind its name, in parentheses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Modifier {
    Nothing,
    /// `(any)`, `(all)`
    Quantifier,
    /// `(english)`
    Language,
}

/// `not.operator.value`: whether it is reversed, and what is asked.
pub(super) fn test(cursor: &mut Cursor<'_>, place: Place) -> Result<(bool, Test), DialectError> {
    let negated = cursor.eat("not.");
    let before = *cursor;
    let word = cursor.take_while(|character| character.is_ascii_lowercase());
    let test = match word {
        "in" => {
            delimiter(cursor, before)?;
            Test::In(list(cursor, place)?)
        }
        "is" => {
            delimiter(cursor, before)?;
            Test::Is(is(cursor)?)
        }
        _ => {
            let (operator, modifier) = operator(word).ok_or_else(|| before.error("\"not\" or operator (eq, gt, ...)"))?;
            match modifier {
                Modifier::Nothing => {
                    delimiter(cursor, before)?;
                    Test::Compare { operator, value: value(cursor, place)? }
                }
                Modifier::Quantifier => quantified(cursor, before, operator, place)?,
                Modifier::Language => {
                    let language = language(cursor)?;
                    delimiter(cursor, before)?;
                    Test::Search { operator, language, value: value(cursor, place)? }
                }
            }
        }
    };
    match place {
        Place::Parameter => cursor.expect_end("end of input")?,
        Place::Tree if cursor.at_end() || matches!(cursor.peek(), Some(',' | ')')) => {}
        Place::Tree => return Err(cursor.error("\",\" or \")\"")),
    }
    Ok((negated, test))
}

/// Whether a value begins as a condition does: `eq.`, `not.in.`, `fts(english).`
pub(super) fn has_operator(value: &str) -> bool {
    let value = value.strip_prefix("not.").unwrap_or(value);
    let end = value.find(|character: char| !character.is_ascii_lowercase()).unwrap_or(value.len());
    let (word, rest) = value.split_at(end);
    (matches!(word, "in" | "is") || operator(word).is_some()) && rest.starts_with(['.', '('])
}

fn delimiter(cursor: &mut Cursor<'_>, before: Cursor<'_>) -> Result<(), DialectError> {
    if cursor.eat(".") {
        return Ok(());
    }
    match cursor.peek() {
        Some('(') => {
            Err(cursor.error_with("delimiter (.)", "(any) and (all) go with eq, gt, gte, lt, lte, like, ilike, match, imatch."))
        }
        // A word that only begins like an operator.
        Some(character) if character.is_alphanumeric() => Err(before.error("operator (eq, gt, ...)")),
        _ => Err(cursor.error("delimiter (.)")),
    }
}

fn operator(word: &str) -> Option<(Operator, Modifier)> {
    use Modifier::{Language, Nothing, Quantifier};
    Some(match word {
        "eq" => (Operator::Eq, Quantifier),
        "neq" => (Operator::Neq, Nothing),
        "gt" => (Operator::Gt, Quantifier),
        "gte" => (Operator::Gte, Quantifier),
        "lt" => (Operator::Lt, Quantifier),
        "lte" => (Operator::Lte, Quantifier),
        "like" => (Operator::Like, Quantifier),
        "ilike" => (Operator::Ilike, Quantifier),
        "match" => (Operator::Match, Quantifier),
        "imatch" => (Operator::Imatch, Quantifier),
        "isdistinct" => (Operator::IsDistinct, Nothing),
        "fts" => (Operator::Fts, Language),
        "plfts" => (Operator::PlainFts, Language),
        "phfts" => (Operator::PhraseFts, Language),
        "wfts" => (Operator::WebFts, Language),
        "cs" => (Operator::Contains, Nothing),
        "cd" => (Operator::Contained, Nothing),
        "ov" => (Operator::Overlap, Nothing),
        "sl" => (Operator::StrictlyLeft, Nothing),
        "sr" => (Operator::StrictlyRight, Nothing),
        "nxr" => (Operator::NotExtendRight, Nothing),
        "nxl" => (Operator::NotExtendLeft, Nothing),
        "adj" => (Operator::Adjacent, Nothing),
        _ => return None,
    })
}

fn quantified(cursor: &mut Cursor<'_>, before: Cursor<'_>, operator: Operator, place: Place) -> Result<Test, DialectError> {
    let quantifier = if cursor.eat("(any)") {
        Some(Quantifier::Any)
    } else if cursor.eat("(all)") {
        Some(Quantifier::All)
    } else {
        None
    };
    delimiter(cursor, before)?;
    let text = value(cursor, place)?;
    let pattern = |value: String| match operator {
        Operator::Like | Operator::Ilike => value.replace('*', "%"),
        _ => value,
    };
    Ok(match quantifier {
        Some(quantifier) => {
            let values = array(&text, cursor)?.into_iter().map(pattern).collect();
            Test::Quantified { operator, quantifier, values }
        }
        None => Test::Compare { operator, value: pattern(text) },
    })
}

/// `(english)`: a configuration of text search, which has an identifier's name.
fn language(cursor: &mut Cursor<'_>) -> Result<Option<String>, DialectError> {
    if !cursor.eat("(") {
        return Ok(None);
    }
    const HINT: &str = "Write column=fts(english).cat: a language's name in parentheses.";
    let name = cursor.take_while(|character| character.is_alphanumeric() || matches!(character, '_' | '$' | ' ')).trim();
    if name.is_empty() || !cursor.eat(")") {
        return Err(cursor.error_with("a language", HINT));
    }
    Ok(Some(name.to_owned()))
}

fn is(cursor: &mut Cursor<'_>) -> Result<Is, DialectError> {
    let before = *cursor;
    let word = cursor.take_while(|character| character.is_ascii_alphabetic() || character == '_');
    cursor.skip_spaces();
    Ok(match word.to_ascii_lowercase().as_str() {
        "null" => Is::Null,
        "not_null" => Is::NotNull,
        "true" => Is::True,
        "false" => Is::False,
        "unknown" => Is::Unknown,
        _ => {
            let expecting = "isVal: (null, not_null, true, false, unknown)";
            return Err(before.error_with(expecting, "'is' takes null, not_null, true, false or unknown."));
        }
    })
}
