//! Identifiers reach SQL through this one function.

/// `name` as a quoted SQL identifier. PostgreSQL itself allows no NUL in one; a NUL is dropped.
pub(crate) fn quote_identifier(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for character in name.chars().filter(|&character| character != '\0') {
        if character == '"' {
            quoted.push('"');
        }
        quoted.push(character);
    }
    quoted.push('"');
    quoted
}
