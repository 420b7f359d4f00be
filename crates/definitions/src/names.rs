//! Names: which are accepted, and the ones PostgreSQL would have given.

use sha2::{Digest, Sha256};

/// PostgreSQL cuts longer names off; so none longer is made.
const MAX_BYTES: usize = 63;

/// Columns every table of PostgreSQL already has.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// Why a name is refused.
pub(crate) fn check(name: &str) -> Result<(), String> {
    let mut characters = name.chars();
    let begins = characters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_');
    if !begins || !characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') || name.len() > MAX_BYTES {
        return Err(format!(
            "`{name}` is not a name: use a–z, 0–9 and `_`, begin with a letter or `_`, at most {MAX_BYTES} characters"
        ));
    }
    if name.starts_with("pg_") {
        return Err(format!("`{name}` is not accepted: names beginning with `pg_` belong to PostgreSQL"));
    }
    Ok(())
}

/// Why a column's name is refused.
pub(crate) fn check_column(name: &str) -> Result<(), String> {
    if SYSTEM_COLUMNS.contains(&name) {
        return Err(format!("`{name}` is not accepted: every table of PostgreSQL has a hidden column of that name"));
    }
    check(name)
}

/// `posts_author_id_fkey` from `posts`, `[author_id]`, `fkey`; a hash replaces what does not fit.
pub(crate) fn generate<S: AsRef<str>>(table: &str, parts: &[S], suffix: &str) -> String {
    let mut stem = table.to_owned();
    for part in parts {
        stem.push('_');
        stem.push_str(part.as_ref());
    }
    let name = format!("{stem}_{suffix}");
    if name.len() <= MAX_BYTES {
        return name;
    }
    let hash = hex(&Sha256::digest(name.as_bytes())[..4]);
    let keep = MAX_BYTES - suffix.len() - hash.len() - 2;
    format!("{}_{hash}_{suffix}", &stem[..keep])
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_names_only() {
        for good in ["posts", "_x", "a1", &"a".repeat(63)] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "1a", "Posts", "a-b", "a b", "é", "pg_x", "a\"b", &"a".repeat(64)] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check_column("xmin").is_err());
    }

    #[test]
    fn generated_names_fit_and_differ() {
        assert_eq!(generate("posts", &["author_id"], "fkey"), "posts_author_id_fkey");
        assert_eq!(generate::<&str>("posts", &[], "pkey"), "posts_pkey");
        let (one, two) = (generate(&"t".repeat(63), &["a"], "idx"), generate(&"t".repeat(63), &["b"], "idx"));
        assert!(one.len() == 63 && two.len() == 63 && one != two);
        assert!(one.ends_with("_idx"));
    }
}
