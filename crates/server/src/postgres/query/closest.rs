//! "Did you mean …?"

/// The name most like `wanted`, if one is close enough to be what was meant.
pub(crate) fn closest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Comparing costs time by the square of the length; nobody mistypes a name this long.
    if wanted.len() > 64 {
        return None;
    }
    let limit = 1 + wanted.chars().count() / 4;
    let mut best: Option<(usize, &str)> = None;
    for name in names {
        let steps = distance(wanted, name);
        // By name when equally close, so that the answer does not depend on the order.
        if steps <= limit && best.is_none_or(|(least, known)| (steps, name) < (least, known)) {
            best = Some((steps, name));
        }
    }
    best.map(|(_, name)| name)
}

/// Levenshtein's distance, ignoring case.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().flat_map(char::to_lowercase).collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().flat_map(char::to_lowercase).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let names = ["posts", "authors", "comments"];
        assert_eq!(closest("post", names), Some("posts"));
        assert_eq!(closest("Posts", names), Some("posts"));
        assert_eq!(closest("autors", names), Some("authors"));
        assert_eq!(closest("invoices", names), None);
        assert_eq!(closest("", ["x"]), Some("x"));
    }
}
