//! The names people give to projects and environments.

use thiserror::Error;

/// Longest name in characters.
const MAX_NAME: usize = 64;

/// Why a name is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// Nothing was given.
    #[error("is empty")]
    Empty,
    /// More than 64 characters.
    #[error("has {0} characters, {MAX_NAME} are allowed")]
    TooLong(usize),
    /// A character outside `[A-Za-z0-9_-]`.
    #[error("has the character {0:?}; letters, digits, hyphen and underscore are allowed")]
    Character(char),
}

/// 1 to 64 of `[A-Za-z0-9_-]`, as environments and projects are named.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '_' || *c == '-')) {
        return Err(NameError::Character(bad));
    }
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong(name.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert_eq!(check_name("pr-12_B"), Ok(()));
        assert_eq!(check_name(&"a".repeat(64)), Ok(()));
        assert_eq!(check_name(&"a".repeat(65)), Err(NameError::TooLong(65)));
        assert_eq!(check_name(""), Err(NameError::Empty));
        assert_eq!(check_name("a b"), Err(NameError::Character(' ')));
        assert_eq!(check_name("größe"), Err(NameError::Character('ö')));
    }
}
