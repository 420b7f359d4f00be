//! Just enough understanding of Rust text to check rules: what is code, what is a comment, a string, a test.
//!
//! Not a parser: macros that produce items, and attributes in odd places, are not seen through.

/// A Rust file, taken apart.
#[derive(Debug)]
pub(crate) struct Source {
    /// The text with comments and the insides of strings blanked out; line breaks stay where they were.
    pub(crate) code: String,
    /// String literals: the line each starts on (from 1), and its text without quotes.
    pub(crate) strings: Vec<(usize, String)>,
    /// Comments: the line each starts on (from 1), and its text.
    pub(crate) comments: Vec<(usize, String)>,
    test_lines: Vec<bool>,
}

/// A function with a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Its name, without path.
    pub(crate) name: String,
    /// The line of the word `fn`, from 1.
    pub(crate) line: usize,
    /// Lines from the word `fn` to the closing brace, both included.
    pub(crate) length: usize,
}

impl Source {
    /// Takes a file apart.
    pub(crate) fn read(text: &str) -> Self {
        let mut lexer = Lexer::new(text);
        lexer.run();
        let Lexer { code, strings, comments, .. } = lexer;
        let test_lines = find_test_lines(&code);
        Self { code, strings, comments, test_lines }
    }

    /// Whether a line (from 1) belongs to an item that is compiled for tests only.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.test_lines.get(line - 1).copied().unwrap_or(false)
    }

    /// Every function that has a body, nested ones too.
    pub(crate) fn functions(&self) -> Vec<Function> {
        let code = self.code.as_bytes();
        let mut found = Vec::new();
        for at in words(&self.code, "fn") {
            let rest = self.code[at + 2..].trim_start();
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // Without a name it is a function type: `fn(u32) -> u32`.
            if name.is_empty() {
                continue;
            }
            if let Some((_, end)) = body_after(code, at) {
                let line = line_of(code, at);
                found.push(Function { name, line, length: line_of(code, end) - line + 1 });
            }
        }
        found
    }

    /// Names of `mod name;` declarations, those of tests included.
    pub(crate) fn declared_modules(&self) -> Vec<String> {
        let mut names = Vec::new();
        for at in words(&self.code, "mod") {
            let rest = self.code[at + 3..].trim_start();
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if rest[name.len()..].trim_start().starts_with(';') {
                names.push(name);
            }
        }
        names
    }

    /// The lines (from 1) whose code contains the text.
    pub(crate) fn lines_with<'a>(&'a self, needle: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
        self.code.lines().enumerate().filter(move |(_, line)| line.contains(needle)).map(|(index, line)| (index + 1, line))
    }
}

/// Byte offsets at which the word stands alone.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let inside = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(word).map(|(at, _)| at).filter(move |&at| {
        let before = at.checked_sub(1).and_then(|index| bytes.get(index));
        !inside(before) && !inside(bytes.get(at + word.len()))
    })
}

fn line_of(code: &[u8], at: usize) -> usize {
    code[..at].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// The offsets of the braces around the body of the item that starts here; nothing when it ends with a semicolon.
fn body_after(code: &[u8], start: usize) -> Option<(usize, usize)> {
    let mut brackets = 0usize;
    let mut open = None;
    let mut braces = 0usize;
    for (offset, byte) in code[start..].iter().enumerate() {
        let at = start + offset;
        match (byte, open) {
            (b'(' | b'[', None) => brackets += 1,
            (b')' | b']', None) => brackets = brackets.saturating_sub(1),
            (b';', None) if brackets == 0 => return None,
            (b'{', None) if brackets == 0 => {
                open = Some(at);
                braces = 1;
            }
            (b'{', Some(_)) => braces += 1,
            (b'}', Some(begin)) => {
                braces -= 1;
                if braces == 0 {
                    return Some((begin, at));
                }
            }
            _ => {}
        }
    }
    None
}

fn find_test_lines(code: &str) -> Vec<bool> {
    let bytes = code.as_bytes();
    let mut lines = vec![code.contains("#![cfg(test)]"); code.lines().count()];
    for attribute in ["#[cfg(test)]", "#[test]", "#[tokio::test", "#[cfg(any(test"] {
        for (at, _) in code.match_indices(attribute) {
            let item = at + attribute.len();
            if let Some((_, end)) = body_after(bytes, item) {
                let (first, last) = (line_of(bytes, at), line_of(bytes, end));
                lines[first - 1..last].fill(true);
            }
        }
    }
    lines
}

/// Walks over the text once and sorts every character into code, comment or string.
struct Lexer<'a> {
    rest: &'a str,
    line: usize,
    code: String,
    strings: Vec<(usize, String)>,
    comments: Vec<(usize, String)>,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self { rest: text, line: 1, code: String::with_capacity(text.len()), strings: Vec::new(), comments: Vec::new() }
    }

    fn run(&mut self) {
        while let Some(next) = self.rest.chars().next() {
            if self.rest.starts_with("//") {
                let length = self.rest.find('\n').unwrap_or(self.rest.len());
                self.comment(length);
            } else if self.rest.starts_with("/*") {
                self.comment(block_comment_length(self.rest));
            } else if let Some(hashes) = raw_string_hashes(self.rest).filter(|_| !self.in_word()) {
                self.raw_string(hashes);
            } else if next == '"' {
                self.string();
            } else if next == '\'' {
                self.quote();
            } else {
                self.keep(next.len_utf8());
            }
        }
    }

    /// Whether the character before belongs to a word, so that `r"` is not the start of a raw string.
    fn in_word(&self) -> bool {
        self.code.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_')
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        self.line += taken.matches('\n').count();
        taken
    }

    fn keep(&mut self, length: usize) {
        let taken = self.take(length);
        self.code.push_str(taken);
    }

    fn blank(&mut self, length: usize) -> &'a str {
        let taken = self.take(length);
        self.code.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        taken
    }

    fn comment(&mut self, length: usize) {
        let line = self.line;
        let text = self.blank(length);
        self.comments.push((line, text.to_owned()));
    }

    fn string(&mut self) {
        let line = self.line;
        self.keep(1);
        let mut length = self.rest.len();
        let mut escaped = false;
        for (at, c) in self.rest.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    length = at;
                    break;
                }
                _ => {}
            }
        }
        let text = self.blank(length);
        self.strings.push((line, text.to_owned()));
        self.keep(self.rest.len().min(1));
    }

    fn raw_string(&mut self, hashes: usize) {
        let line = self.line;
        let open = self.rest.find('"').map_or(self.rest.len(), |at| at + 1);
        self.keep(open);
        let close = format!("\"{}", "#".repeat(hashes));
        let length = self.rest.find(&close).unwrap_or(self.rest.len());
        let text = self.blank(length);
        self.strings.push((line, text.to_owned()));
        self.keep(self.rest.len().min(close.len()));
    }

    /// A character literal is blanked, a lifetime is kept.
    fn quote(&mut self) {
        let mut characters = self.rest.char_indices().skip(1);
        let literal = match characters.next() {
            Some((_, '\\')) => self.rest[3..].find('\'').map(|at| at + 4),
            Some(_) => characters.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at + 1),
            None => None,
        };
        match literal {
            Some(length) => drop(self.blank(length)),
            None => self.keep(1),
        }
    }
}

/// The number of hashes when a raw string starts here: `r"`, `r#"`, `br##"`, `cr"`.
fn raw_string_hashes(text: &str) -> Option<usize> {
    let text = text.strip_prefix(['b', 'c']).unwrap_or(text).strip_prefix('r')?;
    let hashes = text.len() - text.trim_start_matches('#').len();
    text[hashes..].starts_with('"').then_some(hashes)
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        let source = Source::read(
            "let a = \"fn x() { \\\" }\"; // fn y() {\n/* fn /* z */ } */ let b = r#\"a \" b\"#;\nlet c = b\"x\";\n",
        );
        assert!(!source.code.contains("fn"));
        let strings: Vec<&str> = source.strings.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(strings, ["fn x() { \\\" }", "a \" b", "x"]);
        assert_eq!(source.strings[1].0, 2);
        assert_eq!(source.comments.len(), 2);
        assert_eq!(source.code.lines().count(), 3);
    }

    #[test]
    fn characters_are_not_lifetimes() {
        let source = Source::read("fn a<'a>(x: &'a str) { x.find('{'); x.find('\\''); x.find('\"'); '\\u{7d}' }\nfn b() {}\n");
        assert_eq!(source.functions().iter().map(|f| (f.name.as_str(), f.length)).collect::<Vec<_>>(), [("a", 1), ("b", 1)]);
    }

    #[test]
    fn functions_are_measured_to_their_last_brace() {
        let source = Source::read(
            "trait T { fn none(&self) -> [u8; 4]; }\nfn long(\n    f: fn(u32) -> u32,\n) where T: X {\n    if a { b }\n}\n",
        );
        assert_eq!(source.functions(), [Function { name: "long".into(), line: 2, length: 5 }]);
    }

    #[test]
    fn tests_are_told_from_the_rest() {
        let source = Source::read(
            "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}\n",
        );
        let lines: Vec<usize> = (1..=9).filter(|line| source.is_test_line(*line)).collect();
        assert_eq!(lines, [2, 3, 4, 5]);
        assert!(Source::read("#![cfg(test)]\nfn a() {}\n").is_test_line(2));
    }

    #[test]
    fn modules_are_found_by_declaration() {
        let source = Source::read("pub mod a;\n#[cfg(test)]\nmod b;\nmod inline { }\n// mod c;\nuse model;\n");
        assert_eq!(source.declared_modules(), ["a", "b"]);
    }
}
