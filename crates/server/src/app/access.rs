//! What a caller of the data plane may do with which table.

use cloche_wire::KeyKind;

use crate::access::{self, Guard, Resource};
use crate::error::{Error, Result};
use crate::postgres::query::{Access, closest};
use crate::postgres::schema::{Schema, Table, TableKind, Verb};
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
    fn table(&self, table: &Table, verb: Verb) -> Option<Guard<'_>> {
        self.schema.rules().guard(self.actor, resource(table)?, verb)
    }

    fn function(&self, name: &str) -> bool {
        // Functions have neither rows nor columns to guard.
        self.schema.rules().allows(self.actor, Resource::Function(name), Verb::Call)
    }
}

/// What rules call a table or view. The records of a function's answer are no resource.
fn resource(table: &Table) -> Option<Resource<'_>> {
    match table.kind {
        TableKind::Table => Some(Resource::Table(&table.name)),
        TableKind::View => Some(Resource::View(&table.name)),
        TableKind::Outcome => None,
    }
}

/// The table, if the caller may do all of `verbs` with it.
///
/// A caller who may do nothing with a table gets the same answer as for a table that is not there.
pub(crate) fn table<'s>(actor: &DataActor, schema: &'s Schema, name: &str, verbs: &[Verb]) -> Result<&'s Table> {
    let found = schema.table(name).map(|table| &**table);
    if actor.kind == KeyKind::Secret && actor.user.is_none() {
        // Before the table is looked for: what a key may do does not depend on what there is.
        let asked = Resource::Table(name);
        return match verbs.iter().find(|verb| !schema.rules().allows(actor, asked, **verb)) {
            Some(verb) => Err(denied(actor, name, *verb)),
            None => found.ok_or_else(|| not_found(actor, schema, name)),
        };
    }
    let refused = |table: &Table| verbs.iter().copied().find(|verb| !may(actor, schema, table, *verb));
    match found {
        None => Err(not_found(actor, schema, name)),
        Some(table) => match refused(table) {
            None => Ok(table),
            Some(_) if is_closed(actor, schema, table) => Err(not_found(actor, schema, name)),
            Some(verb) => Err(denied(actor, name, verb)),
        },
    }
}

fn may(actor: &DataActor, schema: &Schema, table: &Table, verb: Verb) -> bool {
    resource(table).is_some_and(|resource| schema.rules().allows(actor, resource, verb))
}

fn is_closed(actor: &DataActor, schema: &Schema, table: &Table) -> bool {
    ![Verb::Read, Verb::Create, Verb::Update, Verb::Delete].into_iter().any(|verb| may(actor, schema, table, verb))
}

fn denied(actor: &DataActor, name: &str, verb: Verb) -> Error {
    let who = if actor.user.is_some() { "user" } else { "key" };
    let error = Error::forbidden("access/denied", format!("This {who} may not {} records of '{name}'.", verb.as_str()));
    match (actor.kind, &actor.user) {
        (_, Some(_)) => error
            .details(format!("None of the user's roles allows {}, or one of them denies it.", verb.as_str()))
            .hint("Change 'access' in the table's definition, or a role of the user."),
        (KeyKind::Publishable, None) => error
            .details(format!("The table's access for anon does not include {}.", verb.as_str()))
            .hint("Use a secret key, on your own server only, or change 'access' in the table's definition."),
        (KeyKind::Secret, None) => {
            let right = access::right(verb);
            error
                .details("The scopes of this secret key do not cover it.")
                .hint(format!("Use a key with the scope data:{right} or table:{name}:{right}."))
        }
    }
}

fn not_found(actor: &DataActor, schema: &Schema, name: &str) -> Error {
    let readable = schema.tables().filter(|table| may(actor, schema, table, Verb::Read)).map(|table| table.name.as_str());
    let hint = match (closest(name, readable), actor.kind, &actor.user) {
        (Some(near), ..) => format!("Did you mean '{near}'?"),
        (None, _, Some(_)) => "Check the name; a user sees only what the user's roles allow.".to_owned(),
        (None, KeyKind::Publishable, None) => "Check the name; this key sees only tables whose access includes anon.".to_owned(),
        (None, KeyKind::Secret, None) => "Check the name; tables are made by deploying their definitions.".to_owned(),
    };
    Error::not_found(UNKNOWN_TABLE, format!("There is no table '{name}'.")).hint(hint)
}

#[cfg(test)]
mod tests {
    use cloche_wire::EnvironmentId;
    use serde_json::json;

    use super::*;
    use crate::access::{Rules, Stored};

    fn actor(kind: KeyKind, scopes: &[&str]) -> DataActor {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        DataActor { environment_id: EnvironmentId::new(), key_id: uuid::Uuid::nil(), kind, scopes, user: None }
    }

    fn schema() -> Schema {
        let rule = |name: &str, access| Stored { kind: "table".into(), name: name.into(), spec: access };
        let rules = vec![
            rule("posts", json!({ "anon": ["read"] })),
            rule("post", json!({ "user": ["read"] })),
            rule("inbox", json!({ "anon": ["create"] })),
        ];
        let tables = ["posts", "post", "inbox"].map(|name| Table::for_tests(name, &["id"]));
        Schema::of(tables).with_rules(Rules::new(rules, &|_| None))
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
        let rule = Stored { kind: "table".into(), name: "posts".into(), spec: json!({ "anon": ["read"] }) };
        let without = Schema::of([Table::for_tests("posts", &["id"])]).with_rules(Rules::new(vec![rule], &|_| None));
        let missing = table(&actor, &without, "post", &[Verb::Read]).unwrap_err();
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
