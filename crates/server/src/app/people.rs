//! Members, their roles in projects, and their access tokens.

use cloche_wire::{KeyText, MemberId, TokenId, TokenKind};
use serde_json::json;

use super::{App, from_now};
use crate::auth::{Actor, ProjectAccess, Role};
use crate::error::{Error, Result};
use crate::store::people::{self, AccessToken, Member};
use crate::store::{Page, Slice, Tx, audit, projects};

/// Everybody in the organization.
pub(crate) async fn members(app: &App, actor: &Actor, slice: &Slice) -> Result<Page<Member>> {
    actor.require_owner()?;
    people::members(&*app.store.client().await?, slice).await
}

/// Adds a person. They sign in with a token an owner makes for them.
pub(crate) async fn add_member(app: &App, actor: &Actor, email: &str, name: &str, owner: bool) -> Result<Member> {
    actor.require_owner()?;
    let email = email.trim();
    let shaped = email.len() <= 254 && email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    if !shaped || email.contains(char::is_whitespace) {
        return Err(Error::bad_input("member/email-invalid", format!("{email:?} is not an e-mail address.")).field(
            "input.email",
            "email",
            "user@host.tld",
        ));
    }
    let name = if name.trim().is_empty() { email } else { name.trim() };
    let role = if owner { "owner" } else { "member" };
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let member = people::add_member(&tx, app.organization, email, name, role).await?;
    record(&tx, actor, None, "member.add", email, json!({ "role": role })).await?;
    tx.commit().await?;
    Ok(member)
}

/// Gives a member a role in a project, or takes it away. In force on return.
pub(crate) async fn set_role(app: &App, access: &ProjectAccess, member: MemberId, role: Option<Role>) -> Result<Member> {
    access.require(Role::Owner, "Changing roles")?;
    let mut client = app.store.client().await?;
    let found = people::member(&client, member).await?;
    let found = found.ok_or_else(|| Error::not_found("member/not-found", format!("There is no member {member}.")))?;
    let tx = client.transaction().await?;
    projects::set_role(&tx, access.project().id, member, role.map(Role::as_str)).await?;
    let detail = json!({ "role": role.map(Role::as_str) });
    record(&tx, access.actor(), Some(access), "member.setRole", &found.email, detail).await?;
    tx.commit().await?;
    Ok(found)
}

/// One's own tokens; an owner of the organization sees everybody's.
pub(crate) async fn tokens(app: &App, actor: &Actor) -> Result<Vec<AccessToken>> {
    people::tokens(&*app.store.client().await?, (!actor.owner).then_some(actor.member_id)).await
}

/// A token for oneself; an owner of the organization makes them for others too. Its text is shown this once.
pub(crate) async fn create_token(
    app: &App,
    actor: &Actor,
    name: &str,
    member: Option<MemberId>,
    expires_in: Option<&str>,
) -> Result<(AccessToken, KeyText)> {
    let member = member.unwrap_or(actor.member_id);
    if member != actor.member_id {
        actor.require_owner()?;
    }
    if name.trim().is_empty() || name.chars().count() > 100 {
        return Err(Error::bad_input("token/name-invalid", "A token's name has 1 to 100 characters.").field(
            "input.name",
            "length",
            "1 to 100",
        ));
    }
    let expires_at = from_now("input.expiresIn", expires_in)?;
    let text = KeyText::generate(TokenKind::Personal).map_err(|error| Error::internal(error.to_string()))?;
    let mut client = app.store.client().await?;
    if people::member(&client, member).await?.is_none() {
        return Err(Error::not_found("member/not-found", format!("There is no member {member}.")));
    }
    let tx = client.transaction().await?;
    let token = people::add_token(&tx, &app.secrets, member, &text, name.trim(), expires_at, None).await?;
    record(&tx, actor, None, "token.create", &token.prefix, json!({ "member": token.member_email })).await?;
    tx.commit().await?;
    Ok((token, text))
}

/// Ends a token for good: one's own, or anybody's for an owner of the organization.
pub(crate) async fn revoke_token(app: &App, actor: &Actor, id: TokenId) -> Result<AccessToken> {
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let token = people::revoke_token(&tx, id, (!actor.owner).then_some(actor.member_id)).await?;
    let token = token.ok_or_else(|| Error::not_found("token/not-found", format!("There is no token {id}.")))?;
    record(&tx, actor, None, "token.revoke", &token.prefix, json!({})).await?;
    tx.commit().await?;
    Ok(token)
}

async fn record(
    tx: &Tx<'_>,
    actor: &Actor,
    access: Option<&ProjectAccess>,
    action: &str,
    target: &str,
    detail: serde_json::Value,
) -> Result<()> {
    let project = access.map(|access| access.project().id);
    audit::record(tx, &audit::Entry { actor, project, environment: None, action, target, detail }).await
}
