//! How each table of schema `cloche` travels when an environment is branched. A test fails on a table that is not listed.

use cloche_definitions::quote_identifier;
use tokio_postgres::Client;

use super::copy::BranchMode;

/// What a branch does with a table's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Travel {
    /// They describe the schema, which every branch takes.
    Always,
    /// The environment's users: only with the data of a full branch.
    FullOnly,
    /// What is good for one environment alone: never.
    Never,
    /// Environment variables: only when asked for; resealed for the new environment.
    WithVariables,
    /// Who may call from where, and how much: only when asked for; a branch begins with the defaults otherwise.
    WithSecurityConfig,
}

/// What a branch takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Along {
    pub(crate) mode: BranchMode,
    pub(crate) variables: bool,
    pub(crate) security_config: bool,
}

/// Every table of schema `cloche`.
pub(crate) const TABLES: &[(&str, Travel)] = &[
    ("migrations", Travel::Always),
    ("definitions", Travel::Always),
    ("revisions", Travel::Always),
    ("variables", Travel::WithVariables),
    ("users", Travel::FullOnly),
    ("identities", Travel::FullOnly),
    ("sessions", Travel::Never),
    ("refresh_tokens", Travel::Never),
    ("one_time_tokens", Travel::Never),
    ("mails", Travel::Never),
    ("auth_flows", Travel::Never),
    ("signing_keys", Travel::Never),
    ("auth_settings", Travel::Always),
    ("auth_providers", Travel::Never),
    ("settings", Travel::WithSecurityConfig),
    ("request_log", Travel::Never),
    ("request_days", Travel::Never),
    ("usage", Travel::Never),
];

impl Travel {
    /// Whether a branch of this mode takes the rows along.
    pub(crate) fn goes_along(self, along: Along) -> bool {
        match self {
            Self::Always => true,
            Self::FullOnly => along.mode == BranchMode::Full,
            Self::WithVariables => along.variables,
            Self::WithSecurityConfig => along.security_config,
            Self::Never => false,
        }
    }
}

/// Empties the tables of a copy whose rows stay behind, and those this server knows nothing of: a newer one may keep secrets in them.
/// Answers how many tables had to be.
pub(crate) async fn leave_behind(client: &Client, along: Along) -> Result<usize, tokio_postgres::Error> {
    let rows = client
        .query(
            "SELECT c.relname::text FROM pg_catalog.pg_class c
             WHERE c.relnamespace = 'cloche'::pg_catalog.regnamespace AND c.relkind IN ('r', 'p') ORDER BY 1",
            &[],
        )
        .await?;
    let stays = |name: &str| {
        let listed = TABLES.iter().find(|(table, _)| *table == name);
        !listed.is_some_and(|(_, travel)| travel.goes_along(along))
    };
    let names: Vec<String> = rows.iter().map(|row| row.get(0)).filter(|name: &String| stays(name)).collect();
    if !names.is_empty() {
        let tables: Vec<String> = names.iter().map(|name| format!("cloche.{}", quote_identifier(name))).collect();
        // No table that goes along refers to one that stays.
        client.batch_execute(&format!("TRUNCATE {}", tables.join(", "))).await?;
    }
    Ok(names.len())
}

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
