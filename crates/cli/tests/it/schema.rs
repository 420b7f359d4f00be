//! The management schema as committed.

use std::fs;

use crate::harness::workspace;

/// `schema.graphql` is what clients generate their types from, so a change of it is looked at like code.
#[test]
fn the_committed_schema_is_the_one_served() {
    let path = workspace().join("schema.graphql");
    let served = cloche_server::management_schema();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &served).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    if committed != served {
        let differs = committed.lines().zip(served.lines()).position(|(old, new)| old != new);
        let line = differs.unwrap_or_else(|| committed.lines().count().min(served.lines().count())) + 1;
        panic!(
            "schema.graphql differs from the schema that is served, first at line {line}; if that is meant, run \
             `UPDATE=1 cargo test -p cloche --test it schema` and commit the file"
        );
    }
}
