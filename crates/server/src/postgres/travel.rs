//! How each table of schema `cloche` travels when an environment is branched. A test fails on a table that is not listed.

/// What a branch does with a table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// They describe the schema, which every branch takes.
    Always,
    /// Environment variables: only when asked for; resealed for the new environment.
    WithVariables,
}

/// Every table of schema `cloche`.
pub(crate) const TABLES: &[(&str, Travel)] = &[
    ("migrations", Travel::Always),
    ("definitions", Travel::Always),
    ("revisions", Travel::Always),
    ("variables", Travel::WithVariables),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_says_how_it_travels() {
        let mut made: Vec<&str> = crate::postgres::template::MIGRATIONS
            .iter()
            .flat_map(|migration| migration.sql.lines())
            .filter_map(|line| line.strip_prefix("create table cloche.")?.split([' ', '(']).next())
            .collect();
        made.push("migrations");
        made.sort_unstable();
        let mut listed: Vec<&str> = TABLES.iter().map(|(name, _)| *name).collect();
        listed.sort_unstable();
        assert_eq!(made, listed);
    }
}
