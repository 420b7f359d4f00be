//! What a caller of the data plane may do with which table.

use cloche_wire::KeyKind;

use crate::access::Guard;
use crate::error::{Error, Result};
use crate::postgres::query::{Access, closest};
use crate::postgres::schema::{Schema, Table, Verb};
use crate::postgres::scope::DataActor;

/// PostgREST's code for a table that is not there.
pub(crate) const UNKNOWN_TABLE: &str = "PGRST205";

/// A caller of the data plane, as statements are written for.
pub(crate) struct Caller<'a> {
    actor: &'a DataActor,
    schema: &'a Schema,
}

impl<'a> Caller<'a> {
    pub(crate) fn new(actor: &'a DataActor, schema: &'a Schema) -> Self {
        Self { actor, schema }
    }
}

impl Access for Caller<'_> {
    fn table(&self, table: &Table, verb: Verb) -> Option<Guard> {
        let _ = self.schema;
        may(self.actor, table, verb).then(Guard::default)
    }

    fn function(&self, _: &str) -> bool {
        self.actor.kind == KeyKind::Secret && self.actor.scopes.is_empty()
    }
}

/// The table, if the caller may do all of `verbs` with it.
///
/// A caller who may do nothing with a table gets the same answer as for a table that is not there.
pub(crate) fn table<'s>(actor: &DataActor, schema: &'s Schema, name: &str, verbs: &[Verb]) -> Result<&'s Table> {
    match actor.kind {
        KeyKind::Secret => {
            // Before the table is looked for: what a key may do does not depend on what there is.
            match verbs.iter().find(|verb| !scopes_allow(&actor.scopes, name, **verb)) {
                Some(verb) => Err(denied(actor, name, *verb)),
                None => schema.table(name).map(|table| &**table).ok_or_else(|| not_found(actor, schema, name)),
            }
        }
        KeyKind::Publishable => {
            let table = schema
                .table(name)
                .map(|table| &**table)
                .filter(|table| !table.anon.is_empty())
                .ok_or_else(|| not_found(actor, schema, name))?;
            match verbs.iter().find(|verb| !table.anon.contains(**verb)) {
                Some(verb) => Err(denied(actor, name, *verb)),
                None => Ok(table),
            }
        }
    }
}

fn may(actor: &DataActor, table: &Table, verb: Verb) -> bool {
    match actor.kind {
        KeyKind::Secret => scopes_allow(&actor.scopes, &table.name, verb),
        KeyKind::Publishable => table.anon.contains(verb),
    }
}

/// As scopes write it.
fn right(verb: Verb) -> &'static str {
    if verb == Verb::Read { "read" } else { "write" }
}

/// No scope at all is full access.
fn scopes_allow(scopes: &[String], table: &str, verb: Verb) -> bool {
    let right = right(verb);
    let covers = |scope: &String| match scope.strip_prefix("table:").and_then(|rest| rest.rsplit_once(':')) {
        Some((name, of_table)) => name == table && of_table == right,
        None => scope.strip_prefix("data:") == Some(right),
    };
    scopes.is_empty() || scopes.iter().any(covers)
}

fn denied(actor: &DataActor, name: &str, verb: Verb) -> Error {
    let error = Error::forbidden("access/denied", format!("This key may not {} records of '{name}'.", verb.as_str()));
    match actor.kind {
        KeyKind::Publishable => error
            .details(format!("The table's access for anon does not include {}.", verb.as_str()))
            .hint("Use a secret key, on your own server only, or change 'access' in the table's definition."),
        KeyKind::Secret => {
            let right = right(verb);
            error
                .details("The scopes of this secret key do not cover it.")
                .hint(format!("Use a key with the scope data:{right} or table:{name}:{right}."))
        }
    }
}

fn not_found(actor: &DataActor, schema: &Schema, name: &str) -> Error {
    let readable = schema.tables().filter(|table| may(actor, table, Verb::Read)).map(|table| table.name.as_str());
    let hint = match (closest(name, readable), actor.kind) {
        (Some(near), _) => format!("Did you mean '{near}'?"),
        (None, KeyKind::Publishable) => "Check the name; this key sees only tables whose access includes anon.".to_owned(),
        (None, KeyKind::Secret) => "Check the name; tables are made by deploying their definitions.".to_owned(),
    };
    Error::not_found(UNKNOWN_TABLE, format!("There is no table '{name}'.")).hint(hint)
}

#[cfg(test)]
mod tests {
    use cloche_wire::EnvironmentId;

    use super::*;

    fn actor(kind: KeyKind, scopes: &[&str]) -> DataActor {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        DataActor { environment_id: EnvironmentId::new(), key_id: uuid::Uuid::nil(), kind, scopes, user: None }
    }

    fn schema() -> Schema {
        Schema::of([
            Table::for_tests("posts", &["id"], &[Verb::Read]),
            Table::for_tests("post", &["id"], &[]),
            Table::for_tests("inbox", &["id"], &[Verb::Create]),
        ])
    }

    fn outcome(actor: &DataActor, name: &str, verbs: &[Verb]) -> Result<String, String> {
        table(actor, &schema(), name, verbs).map(|table| table.name.clone()).map_err(|error| error.code)
    }

    #[test]
    fn publishable_keys_do_what_the_table_says() {
        let actor = actor(KeyKind::Publishable, &[]);
        assert_eq!(outcome(&actor, "posts", &[Verb::Read]), Ok("posts".into()));
        assert_eq!(outcome(&actor, "posts", &[Verb::Delete]), Err("access/denied".into()));
        assert_eq!(outcome(&actor, "inbox", &[Verb::Create]), Ok("inbox".into()));
        assert_eq!(outcome(&actor, "inbox", &[Verb::Create, Verb::Read]), Err("access/denied".into()));
    }

    #[test]
    fn a_closed_table_looks_like_a_missing_one() {
        let actor = actor(KeyKind::Publishable, &[]);
        let closed = table(&actor, &schema(), "post", &[Verb::Read]).unwrap_err();
        let missing =
            table(&actor, &Schema::of([Table::for_tests("posts", &["id"], &[Verb::Read])]), "post", &[Verb::Read]).unwrap_err();
        assert_eq!((closed.code, closed.message, closed.hint), (missing.code, missing.message, missing.hint));
        let far = table(&actor, &schema(), "inbo", &[Verb::Read]).unwrap_err();
        assert!(!far.hint.unwrap().contains("inbox"), "no hint at what cannot be read");
    }

    #[test]
    fn secret_keys_do_everything_or_their_scopes() {
        let all = actor(KeyKind::Secret, &[]);
        assert_eq!(outcome(&all, "post", &[Verb::Delete, Verb::Read]), Ok("post".into()));
        let scoped = actor(KeyKind::Secret, &["data:read", "table:post:write", "files"]);
        assert_eq!(outcome(&scoped, "posts", &[Verb::Read]), Ok("posts".into()));
        assert_eq!(outcome(&scoped, "posts", &[Verb::Update]), Err("access/denied".into()));
        assert_eq!(outcome(&scoped, "post", &[Verb::Update, Verb::Read]), Ok("post".into()));
        assert_eq!(outcome(&actor(KeyKind::Secret, &["files"]), "none", &[Verb::Read]), Err("access/denied".into()));
    }
}
