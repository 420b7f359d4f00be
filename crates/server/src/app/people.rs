//! Members, their roles, and their access tokens.

use cloche_wire::{KeyText, MemberId, OrganizationId, ProjectId, TokenId, TokenKind};
use serde_json::{Value, json};

use super::session::{self, new_text};
use super::{App, from_now};
use crate::auth::{Actor, OrganizationRole, Password, ProjectAccess, Role};
use crate::error::{Error, Result};
use crate::store::people::{self, AccessToken, Member};
use crate::store::{Page, Slice, Tx, audit, invitations, organizations, projects, sessions};

/// How long a link to a new password works.
const PASSWORD_LINK: &str = "24h";

/// Everybody in an organization, for its members. Of others' roles they see those in projects they see themselves.
pub(crate) async fn members(
    app: &App,
    actor: &Actor,
    organization: Option<OrganizationId>,
    slice: &Slice,
) -> Result<Page<Member>> {
    let organization = actor.organization(organization)?;
    let client = app.store.client().await?;
    let seen = projects::seen(&client, actor, organization).await?;
    let mut page = people::members(&client, organization, slice).await?;
    for member in &mut page.nodes {
        member.projects.retain(|one| seen.contains(&one.project_id));
    }
    Ok(page)
}

/// Who has a role in a project, owners of its organization included. Of other projects nothing is told.
pub(crate) async fn members_of_project(app: &App, access: &ProjectAccess) -> Result<Vec<Member>> {
    let project = access.project();
    let mut members = people::members_of_project(&*app.store.client().await?, project.organization_id, project.id).await?;
    for member in &mut members {
        member.projects.retain(|one| one.project_id == project.id);
    }
    Ok(members)
}

/// Adds a person without a password, who signs in with a token an owner makes for them.
pub(crate) async fn add_member(
    app: &App,
    actor: &Actor,
    organization: Option<OrganizationId>,
    email: &str,
    name: &str,
    role: OrganizationRole,
) -> Result<Member> {
    let organization = actor.organization(organization)?;
    actor.require_owner_of(organization)?;
    actor.require_recent()?;
    let email = checked_email("input.email", email)?;
    let name = checked_person_name("input.name", if name.trim().is_empty() { email } else { name })?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    organizations::lock(&tx, organization).await?;
    require_still_owner(&tx, organization, actor).await?;
    let member = match people::find_by_email(&tx, email).await? {
        // Taken out earlier, with everything they had: back as a new one.
        Some(member) if organizations::of_member(&tx, member).await?.is_empty() => member,
        _ => people::insert_member(&tx, email, name).await?,
    };
    people::end_made_by_others(&tx, member).await?;
    organizations::set_role(&tx, organization, member, role).await?;
    let detail = json!({ "organization": organization, "role": role.as_str() });
    record(&tx, actor, None, "member.add", email, detail).await?;
    tx.commit().await?;
    find(app, organization, member).await
}

/// Gives a member a role in a project, or takes it away. In force on return.
pub(crate) async fn set_role(app: &App, access: &ProjectAccess, member: MemberId, role: Option<Role>) -> Result<Member> {
    access.require(Role::Owner, "Changing roles")?;
    access.actor().require_recent()?;
    let (organization, project) = (access.project().organization_id, access.project().id);
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    organizations::lock(&tx, organization).await?;
    if organizations::role(&tx, organization, member).await?.is_none() {
        return Err(unknown(member));
    }
    projects::set_role(&tx, project, member, role.map(Role::as_str)).await?;
    let target = people::actor(&tx, member).await?.ok_or_else(|| unknown(member))?.email;
    record(&tx, access.actor(), Some(project), "member.setRole", &target, json!({ "role": role.map(Role::as_str) })).await?;
    tx.commit().await?;
    let mut member = find(app, organization, member).await?;
    // Whoever owns this project need not know of others.
    member.projects.retain(|one| one.project_id == project);
    Ok(member)
}

/// Makes a member an owner of the organization, or an owner a member. The last owner stays one.
pub(crate) async fn set_organization_role(
    app: &App,
    actor: &Actor,
    organization: OrganizationId,
    member: MemberId,
    role: OrganizationRole,
) -> Result<Member> {
    actor.require_owner_of(organization)?;
    actor.require_recent()?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let target = locked_member(&tx, organization, actor, member).await?;
    if role != OrganizationRole::Owner {
        require_other_owner(&tx, organization, member).await?;
        end_what_they_made(&tx, organization, &target).await?;
    }
    organizations::set_role(&tx, organization, member, role).await?;
    let detail = json!({ "organization": organization, "role": role.as_str() });
    record(&tx, actor, None, "member.setOrganizationRole", &target.email, detail).await?;
    tx.commit().await?;
    find(app, organization, member).await
}

/// Makes another member the owner in the actor's own place, in one step.
pub(crate) async fn transfer(app: &App, actor: &Actor, organization: OrganizationId, member: MemberId) -> Result<Member> {
    actor.require_owner_of(organization)?;
    actor.require_recent()?;
    if member == actor.member_id {
        return Err(Error::bad_input("member/self", "You are the owner already.")
            .hint("Name the member who is to own the organization.")
            .field("input.memberId", "other", "another member"));
    }
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let target = locked_member(&tx, organization, actor, member).await?;
    organizations::set_role(&tx, organization, member, OrganizationRole::Owner).await?;
    organizations::set_role(&tx, organization, actor.member_id, OrganizationRole::Member).await?;
    end_what_they_made(&tx, organization, actor).await?;
    record(&tx, actor, None, "organization.transfer", &target.email, json!({ "organization": organization })).await?;
    tx.commit().await?;
    find(app, organization, member).await
}

/// Takes somebody out of an organization, or oneself. Their roles in its projects end with this, and the tokens they have made for
/// others in it; where it was their last organization, their own tokens and sessions too.
pub(crate) async fn remove(app: &App, actor: &Actor, organization: OrganizationId, member: MemberId) -> Result<()> {
    let leaves = member == actor.member_id;
    if leaves {
        actor.organization(Some(organization))?;
    } else {
        actor.require_owner_of(organization)?;
    }
    actor.require_recent()?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    organizations::lock(&tx, organization).await?;
    if !leaves {
        require_still_owner(&tx, organization, actor).await?;
    }
    sessions::lock_login(&tx, member).await?;
    organizations::role(&tx, organization, member).await?.ok_or_else(|| unknown(member))?;
    require_other_owner(&tx, organization, member).await?;
    let target = people::actor(&tx, member).await?.ok_or_else(|| unknown(member))?;
    end_what_they_made(&tx, organization, &target).await?;
    organizations::remove(&tx, organization, member).await?;
    if organizations::of_member(&tx, member).await?.is_empty() {
        let now = people::actor(&tx, actor.member_id).await?;
        if target.instance_owner && !leaves && now.is_none_or(|now| !now.instance_owner) {
            return Err(Error::forbidden(
                "auth/forbidden",
                format!("{} owns this server, so only another of its owners takes them out.", target.email),
            ));
        }
        if target.instance_owner && !people::other_instance_owners(&tx, member).await? {
            return Err(Error::conflict("member/last-owner", format!("{} is the last owner of this server.", target.email)));
        }
        people::set_instance_owner(&tx, member, false).await?;
        people::revoke_tokens(&tx, member).await?;
        people::end_made_by_others(&tx, member).await?;
        sessions::revoke_all(&tx, member, None).await?;
        // Whoever invited them here may have set it: an organization they join later must not let that person in.
        sessions::set_password(&tx, member, None).await?;
    }
    record(&tx, actor, None, "member.remove", &target.email, json!({ "organization": organization })).await?;
    tx.commit().await?;
    Ok(())
}

/// A link to a new password, for a member whose organizations the actor all owns, or for oneself.
pub(crate) async fn create_password_link(app: &App, actor: &Actor, member: MemberId) -> Result<KeyText> {
    actor.require_recent()?;
    if actor.owned().is_empty() {
        return Err(Error::forbidden("auth/forbidden", "This needs an owner of the organization."));
    }
    let text = new_text(TokenKind::Link)?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let target = require_governed(&tx, actor, member).await?;
    let expires_at = from_now("", Some(PASSWORD_LINK))?.ok_or_else(|| Error::internal("a link without an end"))?;
    let link = sessions::NewPasswordLink { member, hash: &app.secrets.hash_key(&text), made_by: actor.member_id, expires_at };
    sessions::put_password_link(&tx, &link).await?;
    record(&tx, actor, None, "member.passwordLink", &target.email, json!({ "expiresAt": expires_at })).await?;
    tx.commit().await?;
    Ok(text)
}

/// One's own new password. All of one's other sessions end.
pub(crate) async fn change_password(app: &App, actor: &Actor, current: &Password, new: &Password) -> Result<()> {
    new.check("input.new", &actor.email)?;
    let client = app.store.client().await?;
    let login = sessions::login_of(&client, actor.member_id).await?.ok_or_else(|| unknown(actor.member_id))?;
    drop(client);
    if login.password_hash.is_none() {
        return Err(Error::conflict("password/none", "You have no password yet.")
            .hint("An owner of your organization can make a link to one: `cloche members password-link`."));
    }
    session::verify_own(app, &login, current).await?;
    let hash = app.passwords.hash(&app.secrets, new).await?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    session::locked_unchanged(&tx, &login).await?;
    sessions::set_password(&tx, actor.member_id, Some(&hash)).await?;
    let this = actor.session.map(|session| session.id);
    sessions::revoke_all(&tx, actor.member_id, this).await?;
    if let Some(id) = this {
        sessions::confirm(&tx, id).await?;
    }
    record(&tx, actor, None, "member.changePassword", &actor.email, json!({})).await?;
    tx.commit().await?;
    Ok(())
}

/// Gives oneself another name.
pub(crate) async fn rename(app: &App, actor: &Actor, name: &str) -> Result<Actor> {
    let name = checked_person_name("input.name", name)?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    people::rename(&tx, actor.member_id, name).await?;
    record(&tx, actor, None, "member.rename", &actor.email, json!({ "name": name })).await?;
    tx.commit().await?;
    Ok(Actor { name: name.to_owned(), ..actor.clone() })
}

/// One's own tokens, and those of members whose organizations one all owns.
pub(crate) async fn tokens(app: &App, actor: &Actor) -> Result<Vec<AccessToken>> {
    people::tokens(&*app.store.client().await?, actor.member_id, &actor.owned()).await
}

/// A token for oneself, or for a member whose organizations one all owns. Its text is shown this once.
pub(crate) async fn create_token(
    app: &App,
    actor: &Actor,
    name: &str,
    member: Option<MemberId>,
    expires_in: Option<&str>,
) -> Result<(AccessToken, KeyText)> {
    let member = member.unwrap_or(actor.member_id);
    if member != actor.member_id && actor.owned().is_empty() {
        return Err(Error::forbidden("auth/forbidden", "This needs an owner of the organization."));
    }
    actor.require_recent()?;
    if name.trim().is_empty() || name.chars().count() > 100 {
        return Err(Error::bad_input("token/name-invalid", "A token's name has 1 to 100 characters.").field(
            "input.name",
            "length",
            "1 to 100",
        ));
    }
    let expires_at = from_now("input.expiresIn", expires_in)?;
    let text = new_text(TokenKind::Personal)?;
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    require_governed(&tx, actor, member).await?;
    let token = people::add_token(&tx, &app.secrets, member, &text, name.trim(), expires_at, None).await?;
    if member != actor.member_id {
        people::set_maker(&tx, token.id, actor.member_id).await?;
    }
    record(&tx, actor, None, "token.create", &token.prefix, json!({ "member": token.member_email })).await?;
    tx.commit().await?;
    Ok((token, text))
}

/// Ends a token for good: one's own, or that of a member whose organizations one all owns.
pub(crate) async fn revoke_token(app: &App, actor: &Actor, id: TokenId) -> Result<AccessToken> {
    let unknown = || Error::not_found("token/not-found", format!("There is no token {id}."));
    let mut client = app.store.client().await?;
    let tx = client.transaction().await?;
    let member = people::token_member(&tx, id).await?.ok_or_else(unknown)?;
    require_governed(&tx, actor, member)
        .await
        .map_err(|error| if error.code == "member/not-found" { unknown() } else { error })?;
    let token = people::revoke_token(&tx, id).await?;
    record(&tx, actor, None, "token.revoke", &token.prefix, json!({})).await?;
    tx.commit().await?;
    Ok(token)
}

/// Oneself, or a member whose organizations one all owns; locked until the transaction ends. Others do not exist for the actor, or
/// belong to somebody else too.
async fn require_governed(tx: &Tx<'_>, actor: &Actor, member: MemberId) -> Result<Actor> {
    // Whoever loses the right to this loses it under the lock of one of these organizations.
    let mut organizations: Vec<_> = organizations::of_member(tx, member).await?;
    organizations.sort_unstable();
    for organization in organizations {
        organizations::lock(tx, organization).await?;
    }
    sessions::lock_login(tx, member).await?;
    let now = people::actor(tx, actor.member_id).await?.ok_or_else(|| unknown(member))?;
    let target = people::actor(tx, member).await?.ok_or_else(|| unknown(member))?;
    if target.organizations.is_empty() {
        return Err(unknown(member));
    }
    if member == actor.member_id || people::governed(tx, member, &now.owned()).await? {
        return Ok(target);
    }
    if !target.organizations.iter().any(|(id, _)| now.owns(*id)) {
        return Err(unknown(member));
    }
    let message = format!("{} belongs to an organization you do not own, or runs this server.", target.email);
    Err(Error::forbidden("auth/forbidden", message).hint("Only who owns all organizations of a member may act for them."))
}

/// Of an organization whose lock is held from here on: a member, with the actor still an owner.
async fn locked_member(tx: &Tx<'_>, organization: OrganizationId, actor: &Actor, member: MemberId) -> Result<Actor> {
    organizations::lock(tx, organization).await?;
    require_still_owner(tx, organization, actor).await?;
    organizations::role(tx, organization, member).await?.ok_or_else(|| unknown(member))?;
    people::actor(tx, member).await?.ok_or_else(|| unknown(member))
}

/// Two owners who demote each other at the same moment: the second is none any more.
pub(super) async fn require_still_owner(tx: &Tx<'_>, organization: OrganizationId, actor: &Actor) -> Result<()> {
    if organizations::role(tx, organization, actor.member_id).await? == Some(OrganizationRole::Owner) {
        return Ok(());
    }
    Err(Error::forbidden("auth/forbidden", "This needs an owner of the organization."))
}

async fn require_other_owner(tx: &Tx<'_>, organization: OrganizationId, member: MemberId) -> Result<()> {
    let owner = organizations::role(tx, organization, member).await? == Some(OrganizationRole::Owner);
    if !owner || organizations::other_owners(tx, organization, member).await? > 0 {
        return Ok(());
    }
    Err(Error::conflict("member/last-owner", "This is the last owner of the organization.")
        .hint("Make somebody else an owner first: `cloche members org-role`."))
}

/// Links and tokens of others that an owner has seen must not outlive the ownership.
async fn end_what_they_made(tx: &Tx<'_>, organization: OrganizationId, owner: &Actor) -> Result<()> {
    invitations::revoke_by(tx, organization, &owner.email).await?;
    people::end_made_for_others(tx, organization, owner.member_id).await?;
    sessions::drop_password_links_by(tx, owner.member_id).await
}

async fn find(app: &App, organization: OrganizationId, member: MemberId) -> Result<Member> {
    people::member(&*app.store.client().await?, organization, member).await?.ok_or_else(|| unknown(member))
}

/// An e-mail address, as far as its form tells.
pub(super) fn checked_email<'e>(field: &str, email: &'e str) -> Result<&'e str> {
    let email = email.trim();
    let shaped = email.len() <= 254 && email.split_once('@').is_some_and(|(user, host)| !user.is_empty() && host.contains('.'));
    if !shaped || email.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(Error::bad_input("member/email-invalid", format!("{email:?} is not an e-mail address.")).field(
            field,
            "email",
            "user@host.tld",
        ));
    }
    Ok(email)
}

/// A person's name.
pub(super) fn checked_person_name<'n>(field: &str, name: &'n str) -> Result<&'n str> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 254 || name.contains(char::is_control) {
        return Err(Error::bad_input("member/name-invalid", "A person's name has 1 to 254 characters.")
            .field(field, "length", "1 to 254"));
    }
    Ok(name)
}

fn unknown(member: MemberId) -> Error {
    Error::not_found("member/not-found", format!("There is no member {member}."))
}

async fn record(tx: &Tx<'_>, actor: &Actor, project: Option<ProjectId>, action: &str, target: &str, detail: Value) -> Result<()> {
    audit::record(tx, &audit::Entry { actor, project, environment: None, action, target, detail }).await
}
