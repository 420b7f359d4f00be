//! From foreign keys to the ways between tables, in both directions and through tables between.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Link, Relationship, Table};

/// A foreign key as the catalogs tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignKey {
    pub(super) name: String,
    pub(super) table: String,
    pub(super) foreign: String,
    /// Columns of `table` beside those of `foreign`.
    pub(super) columns: Vec<(String, String)>,
    /// No two records of `table` have the same values in its columns.
    pub(super) is_unique: bool,
    /// A view stands in for the table it refers to.
    pub(super) to_view: bool,
}

/// Most ways through tables between that are kept from one table: a hub with many keys would have the square of them.
const MAX_JUNCTIONS: usize = 400;

/// All ways, by the table they start from.
pub(super) fn all(keys: &[ForeignKey], tables: &HashMap<String, Arc<Table>>) -> HashMap<String, Vec<Relationship>> {
    let mut found: HashMap<String, Vec<Relationship>> = HashMap::new();
    let mut add = |relationship: Relationship| found.entry(relationship.table.clone()).or_default().push(relationship);
    for key in keys {
        let by_table = !key.to_view;
        let link = |columns: Vec<(String, String)>, from_here: bool| {
            let named = !from_here || by_table;
            Link::Key { constraint: key.name.clone(), columns, from_here, named }
        };
        add(Relationship {
            table: key.table.clone(),
            foreign: key.foreign.clone(),
            to_one: true,
            link: link(key.columns.clone(), true),
        });
        add(Relationship {
            table: key.foreign.clone(),
            foreign: key.table.clone(),
            to_one: key.is_unique,
            link: link(swapped(&key.columns), false),
        });
    }
    let mut by_table: HashMap<&str, Vec<&ForeignKey>> = HashMap::new();
    for key in keys {
        by_table.entry(&key.table).or_default().push(key);
    }
    for (name, keys) in by_table {
        let Some(junction) = tables.get(name) else { continue };
        junctions(junction, &keys).into_iter().take(MAX_JUNCTIONS).for_each(&mut add);
    }
    found
}

/// A table joins two others when both its foreign keys are part of its primary key.
fn junctions(junction: &Table, keys: &[&ForeignKey]) -> Vec<Relationship> {
    let in_key = |key: &ForeignKey| key.columns.iter().all(|(column, _)| junction.primary_key.contains(column));
    let keys: Vec<&&ForeignKey> = keys.iter().filter(|key| in_key(key)).collect();
    let mut found = Vec::new();
    for near in &keys {
        for far in keys.iter().filter(|far| far.name != near.name) {
            found.push(Relationship {
                table: near.foreign.clone(),
                foreign: far.foreign.clone(),
                to_one: false,
                link: Link::Junction {
                    table: junction.name.clone(),
                    constraints: (near.name.clone(), far.name.clone()),
                    near: near.columns.clone(),
                    far: far.columns.clone(),
                },
            });
        }
    }
    found
}

fn swapped(columns: &[(String, String)]) -> Vec<(String, String)> {
    columns.iter().map(|(here, there)| (there.clone(), here.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(table: &str, column: &str, foreign: &str) -> ForeignKey {
        let columns = vec![(column.to_owned(), "id".to_owned())];
        ForeignKey {
            name: format!("{table}_{column}_fkey"),
            table: table.into(),
            foreign: foreign.into(),
            columns,
            is_unique: false,
            to_view: false,
        }
    }

    #[test]
    fn both_directions_and_through_a_junction() {
        let mut roles = Table::for_tests("roles", &["film_id", "actor_id"]);
        roles.primary_key = vec!["film_id".into(), "actor_id".into()];
        let tables = HashMap::from([("roles".to_owned(), Arc::new(roles))]);
        let found = all(&[key("roles", "film_id", "films"), key("roles", "actor_id", "actors")], &tables);
        let ends = |table: &str| {
            let mut ends: Vec<(String, bool)> = found[table].iter().map(|way| (way.foreign.clone(), way.to_one)).collect();
            ends.sort();
            ends
        };
        assert_eq!(ends("roles"), [("actors".into(), true), ("films".into(), true)]);
        assert_eq!(ends("films"), [("actors".into(), false), ("roles".into(), false)]);
        assert_eq!(ends("actors"), [("films".into(), false), ("roles".into(), false)]);
    }
}
