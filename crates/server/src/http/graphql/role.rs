//! Roles of an environment's users, and explanations of what they allow.

use async_graphql::{Context, Enum, InputObject, Json, Object, Result, SimpleObject};
use cloche_definitions::role::Operation;
use cloche_wire::KeyKind;
use serde_json::Value;

use super::environment::found;
use super::payload::{Verdict, id, parts, settle, to_graphql};
use crate::access;
use crate::app::role::{self, Asked};
use crate::auth;
use crate::error::Error;
use crate::postgres::scope::EndUser;

/// What requests to an environment's data may do: a role of its users, or `anon` or `user`.
#[derive(SimpleObject)]
struct AccessRole {
    name: String,
    description: Option<String>,
    /// Its policies, scope rules and field masks, in the words of role files.
    spec: Json<Value>,
}

impl AccessRole {
    fn of((name, spec): (String, Value)) -> Self {
        let description = spec["description"].as_str().map(str::to_owned);
        Self { name, description, spec: Json(spec) }
    }
}

#[derive(SimpleObject, Default)]
struct RolePayload {
    #[graphql(flatten)]
    verdict: Verdict,
    role: Option<AccessRole>,
}

#[derive(InputObject)]
struct SetRoleInput {
    environment_id: String,
    name: String,
    /// As a role file: description, policies, scope_rules, field_masks.
    spec: Json<Value>,
}

#[derive(InputObject)]
struct DeleteRoleInput {
    environment_id: String,
    name: String,
}

/// What is done with a resource.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum AccessAction {
    Read,
    Create,
    Update,
    Delete,
    /// Of functions.
    Call,
}

/// What a request comes with.
#[derive(Enum, Clone, Copy, PartialEq, Eq)]
enum AccessKey {
    /// A publishable key alone, or with the user that is given.
    Anon,
    /// A secret key.
    Secret,
}

/// Who would send the request.
#[derive(InputObject)]
struct AccessActorInput {
    key: AccessKey,
    /// With it, or with roles or claims, the request comes with a signed-in user.
    user_id: Option<String>,
    /// The user's own roles, beside `user`.
    roles: Option<Vec<String>>,
    /// Of the user's token.
    claims: Option<Json<Value>>,
    /// What a secret key is limited to.
    scopes: Option<Vec<String>>,
}

/// What the rules say, and why.
#[derive(SimpleObject)]
struct AccessExplanation {
    /// allowed or denied.
    decision: &'static str,
    /// One sentence.
    reason: String,
    /// Every rule that is about it.
    rules: Vec<AccessRule>,
    /// The records that are reached, as a condition. Null: all of them, or none when it is denied.
    rows: Option<String>,
    /// The columns that are not shown as they are.
    masks: Vec<AccessMask>,
}

#[derive(SimpleObject)]
struct AccessRule {
    /// Null: a rule of the key itself.
    role: Option<String>,
    /// access, policy, scope_rule, field_mask, scope or role.
    kind: &'static str,
    /// Its place in its list in the role, from 0.
    index: Option<i32>,
    /// allow or deny.
    effect: Option<&'static str>,
    /// Whether it made the decision, or takes part in what is reached and shown.
    decides: bool,
    text: String,
}

#[derive(SimpleObject)]
struct AccessMask {
    column: String,
    /// hide, redact, or unless: shown in the records of `rows` alone.
    mask: &'static str,
    /// Shown in place of it.
    text: Option<String>,
    rows: Option<String>,
    /// The role of the first rule that masks it, and the rule's place in `field_masks`.
    role: String,
    index: i32,
}

#[derive(Default)]
pub(crate) struct RoleQuery;

#[Object]
impl RoleQuery {
    /// The roles that are deployed to an environment.
    async fn roles(&self, context: &Context<'_>, environment_id: String) -> Result<Vec<AccessRole>> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, auth::Role::Viewer).await?.map_err(to_graphql)?;
        Ok(role::list(app, &found).await.map_err(to_graphql)?.into_iter().map(AccessRole::of).collect())
    }

    /// Why somebody may, or may not, do something with a table, `view:NAME` or `function:NAME`.
    async fn explain_access(
        &self,
        context: &Context<'_>,
        environment_id: String,
        resource: String,
        action: AccessAction,
        actor: AccessActorInput,
    ) -> Result<AccessExplanation> {
        let (app, _) = parts(context)?;
        let found = found(context, &environment_id, auth::Role::Viewer).await?.map_err(to_graphql)?;
        let asked = actor.asked().map_err(to_graphql)?;
        let explained = role::explain(app, &found, &resource, action.into(), asked).await.map_err(to_graphql)?;
        Ok(explained.into())
    }
}

#[derive(Default)]
pub(crate) struct RoleMutation;

#[Object]
impl RoleMutation {
    /// Makes a role, or changes it to what is given.
    async fn set_role(&self, context: &Context<'_>, input: SetRoleInput) -> Result<RolePayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, auth::Role::Developer).await?;
        settle(
            async { role::set(app, &found?, &input.name, &input.spec).await }.await,
            |spec| RolePayload {
                verdict: Verdict::done("Role set successfully"),
                role: Some(AccessRole::of((input.name.clone(), spec))),
            },
            |verdict| RolePayload { verdict, ..RolePayload::default() },
        )
    }

    /// Removes a role. Users who have it are left without what it allowed.
    async fn delete_role(&self, context: &Context<'_>, input: DeleteRoleInput) -> Result<RolePayload> {
        let (app, _) = parts(context)?;
        let found = found(context, &input.environment_id, auth::Role::Developer).await?;
        settle(
            async { role::delete(app, &found?, &input.name).await }.await,
            |()| RolePayload { verdict: Verdict::done("Role deleted successfully"), role: None },
            |verdict| RolePayload { verdict, ..RolePayload::default() },
        )
    }
}

impl AccessActorInput {
    fn asked(self) -> Result<Asked, Error> {
        let has_user = self.user_id.is_some() || self.roles.is_some() || self.claims.is_some();
        let user = EndUser {
            // A user nobody is, where it does not matter who.
            id: self.user_id.map(|text| id("userId", &text)).transpose()?.unwrap_or_default(),
            roles: self.roles.unwrap_or_default(),
            claims: self.claims.map_or(Value::Null, |Json(claims)| claims),
        };
        let kind = if self.key == AccessKey::Secret { KeyKind::Secret } else { KeyKind::Publishable };
        Ok(Asked { kind, scopes: self.scopes.unwrap_or_default(), user: has_user.then_some(user) })
    }
}

impl From<AccessAction> for Operation {
    fn from(action: AccessAction) -> Self {
        match action {
            AccessAction::Read => Self::Read,
            AccessAction::Create => Self::Create,
            AccessAction::Update => Self::Update,
            AccessAction::Delete => Self::Delete,
            AccessAction::Call => Self::Call,
        }
    }
}

impl From<access::Explanation> for AccessExplanation {
    fn from(explained: access::Explanation) -> Self {
        let place = |index: usize| i32::try_from(index).unwrap_or(i32::MAX);
        let rules = explained.rules.into_iter().map(|access::Looked { role, kind, index, effect, decides, text }| AccessRule {
            role,
            kind,
            index: index.map(place),
            effect,
            decides,
            text,
        });
        let masks = explained.masks.into_iter().map(|access::Masked { column, mask, text, rows, role, index }| AccessMask {
            column,
            mask,
            text,
            rows,
            role,
            index: place(index),
        });
        Self {
            decision: if explained.allowed { "allowed" } else { "denied" },
            reason: explained.reason,
            rules: rules.collect(),
            rows: explained.rows,
            masks: masks.collect(),
        }
    }
}
