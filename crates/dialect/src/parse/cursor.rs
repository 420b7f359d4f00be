//! A place in a text that is being read.

use crate::error::{DialectError, shortened};

#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    /// In bytes, always at the beginning of a character.
    at: usize,
    /// What the text is, in PostgREST's words: `select parameter`, `filter`.
    what: &'a str,
    /// What to write, said with every error.
    hint: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str, what: &'a str, hint: &'a str) -> Self {
        Self { text, at: 0, what, hint }
    }

    /// One on another text, for the same errors.
    pub(super) fn on<'b>(&self, text: &'b str) -> Cursor<'b>
    where
        'a: 'b,
    {
        Cursor { text, at: 0, what: self.what, hint: self.hint }
    }

    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    pub(super) fn at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at += character.len_utf8();
        Some(character)
    }

    /// Passes `token` if it is next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Passes the characters that are accepted.
    pub(super) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|character| !accept(character)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    pub(super) fn take_rest(&mut self) -> &'a str {
        let rest = self.rest();
        self.at = self.text.len();
        rest
    }

    pub(super) fn skip_spaces(&mut self) {
        self.take_while(|character| matches!(character, ' ' | '\t'));
    }

    pub(super) fn expect(&mut self, token: &str, expecting: &str) -> Result<(), DialectError> {
        if self.eat(token) { Ok(()) } else { Err(self.error(expecting)) }
    }

    pub(super) fn expect_end(&self, expecting: &str) -> Result<(), DialectError> {
        if self.at_end() { Ok(()) } else { Err(self.error(expecting)) }
    }

    /// What stands here is not what could.
    pub(super) fn error(&self, expecting: &str) -> DialectError {
        self.error_with(expecting, self.hint)
    }

    pub(super) fn error_with(&self, expecting: &str, hint: &str) -> DialectError {
        let unexpected = match self.peek() {
            Some(character) => format!("unexpected '{character}'"),
            None => "unexpected end of input".to_owned(),
        };
        DialectError { details: Some(format!("{unexpected}, expecting {expecting}")), ..self.refuse(hint) }
    }

    /// What stands here is too much, or cannot be, for the reason in `hint`.
    pub(super) fn refuse(&self, hint: &str) -> DialectError {
        let column = self.text[..self.at].chars().count() + 1;
        let message = format!("\"failed to parse {} ({})\" (line 1, column {column})", self.what, shortened(self.text));
        DialectError::malformed(message, hint)
    }
}
