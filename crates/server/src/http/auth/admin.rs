//! Looking after users with a secret key, as Supabase's admin client does.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::HeaderValue;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::caller::{Admin, QueryOf};
use super::session::{Asked, refuse_phone};
use super::view;
use crate::app::App;
use crate::app::users::admin::{self, Attributes};
use crate::auth::Password;
use crate::auth::jwt::AUDIENCE;
use crate::error::{Error, Result};
use crate::http::session::read;
use crate::postgres::auth_settings::MailKind;
use crate::postgres::users::UserFilter;

/// Users on a page, where it is not said, and at most.
const PAGE: i64 = 50;
const MAX_PAGE: i64 = 1_000;

#[derive(Deserialize)]
pub(super) struct Paged {
    page: Option<String>,
    per_page: Option<String>,
}

/// `GET /admin/users`
pub(super) async fn list(Admin(from): Admin, QueryOf(paged): QueryOf<Paged>) -> Result<Response> {
    // Left empty is left out.
    let number =
        |text: Option<&String>, default: i64| match text.map(String::as_str) {
            None | Some("") => Ok(default),
            Some(text) => text.parse().ok().filter(|number| *number >= 1).ok_or_else(|| {
                Error::bad_input("user/attribute", "A page is a number from 1.").field("page", "number", "1 or more")
            }),
        };
    let page = number(paged.page.as_ref(), 1)?.min(1_000_000);
    let per_page = number(paged.per_page.as_ref(), PAGE)?.min(MAX_PAGE);
    let filter = UserFilter { search: None, role: None, limit: per_page, offset: (page - 1) * per_page };
    let (users, total) = admin::list(&from.realm, &filter).await?;
    let shown: Vec<Value> = users.iter().map(view::user).collect();
    let mut response = view::private(json!({ "users": shown, "aud": AUDIENCE }));
    let last = ((total + per_page - 1) / per_page).max(1);
    let mut links = Vec::new();
    if page < last {
        links.push(format!("</admin/users?page={}&per_page={per_page}>; rel=\"next\"", page + 1));
    }
    links.push(format!("</admin/users?page={last}&per_page={per_page}>; rel=\"last\""));
    let headers = response.headers_mut();
    headers.insert("x-total-count", HeaderValue::from(total));
    headers.insert("link", HeaderValue::try_from(links.join(", ")).map_err(Error::internal)?);
    Ok(response)
}

/// What is said of a user; what is not understood is refused.
#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct Said {
    id: Option<Uuid>,
    email: Option<String>,
    password: Option<Password>,
    phone: Option<String>,
    phone_confirm: Option<bool>,
    email_confirm: Option<bool>,
    app_metadata: Option<Value>,
    user_metadata: Option<Value>,
    ban_duration: Option<String>,
    role: Option<String>,
}

impl Said {
    fn attributes(&self) -> Result<Attributes<'_>> {
        refuse_phone(self.phone.as_deref())?;
        if self.phone_confirm == Some(true) || self.role.as_deref().is_some_and(|role| role != AUDIENCE) {
            return Err(Error::bad_input("user/attribute", "Users have no telephone and no role of PostgreSQL here.")
                .hint("Give roles as app_metadata.roles."));
        }
        Ok(Attributes {
            id: self.id,
            email: self.email.as_deref().filter(|email| !email.is_empty()),
            password: self.password.as_ref(),
            confirmed: self.email_confirm,
            roles: None,
            app_metadata: self.app_metadata.clone(),
            user_metadata: self.user_metadata.as_ref(),
            ban_duration: self.ban_duration.as_deref(),
        })
    }
}

/// `POST /admin/users`
pub(super) async fn create(State(app): State<Arc<App>>, Admin(from): Admin, body: Body) -> Result<Response> {
    let new: Said = read(body).await?;
    if new.email.as_deref().is_none_or(str::is_empty) {
        return Err(Error::bad_input("email/missing", "Cannot create a user without an email address.").field(
            "email",
            "required",
            "an address",
        ));
    }
    Ok(view::private(view::user(&admin::create(&app, &from.realm, new.attributes()?).await?)))
}

/// `GET /admin/users/{id}`
pub(super) async fn show(Admin(from): Admin, Path(id): Path<String>) -> Result<Response> {
    Ok(view::private(view::user(&admin::find(&from.realm, user_id(&id)?).await?)))
}

/// `PUT /admin/users/{id}`
pub(super) async fn change(
    State(app): State<Arc<App>>,
    Admin(from): Admin,
    Path(id): Path<String>,
    body: Body,
) -> Result<Response> {
    let id = user_id(&id)?;
    let change: Said = read(body).await?;
    if change.id.is_some_and(|other| other != id) {
        return Err(Error::bad_input("user/attribute", "The id of a user never changes.").field("id", "absent", "nothing"));
    }
    Ok(view::private(view::user(&admin::update(&app, &from.realm, id, change.attributes()?).await?)))
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Deletion {
    should_soft_delete: Option<bool>,
}

/// `DELETE /admin/users/{id}`
pub(super) async fn delete(Admin(from): Admin, Path(id): Path<String>, body: Body) -> Result<Response> {
    let body = axum::body::to_bytes(body, 16 * 1024).await.unwrap_or_default();
    let deletion: Deletion = if body.is_empty() { Deletion::default() } else { read(Body::from(body)).await? };
    if deletion.should_soft_delete == Some(true) {
        return Err(Error::bad_input("user/attribute", "Users are deleted for good, or banned.")
            .hint("Set ban_duration to keep somebody out.")
            .field("should_soft_delete", "equal", "false"));
    }
    Ok(view::private(view::user(&admin::delete(&from.realm, user_id(&id)?).await?)))
}

#[derive(Deserialize)]
struct Link {
    #[serde(rename = "type")]
    kind: String,
    email: Option<String>,
    new_email: Option<String>,
    password: Option<Password>,
    data: Option<Value>,
    redirect_to: Option<String>,
}

/// `POST /admin/generate_link`
pub(super) async fn generate_link(
    State(app): State<Arc<App>>,
    Admin(from): Admin,
    QueryOf(asked): QueryOf<Asked>,
    body: Body,
) -> Result<Response> {
    let link: Link = read(body).await?;
    let kind = match link.kind.as_str() {
        "email_change_new" => MailKind::EmailChange,
        other => MailKind::parse(other).ok_or_else(|| {
            Error::bad_input("mail/kind", "There is no link of this type.").field(
                "type",
                "one-of",
                "signup, invite, magiclink, recovery or email_change_new",
            )
        })?,
    };
    let who = Attributes {
        email: link.email.as_deref(),
        password: link.password.as_ref(),
        user_metadata: link.data.as_ref(),
        ..Attributes::default()
    };
    let redirect_to = link.redirect_to.as_deref().or(asked.redirect_to.as_deref());
    let sent = admin::link(&app, &from.realm, kind, who, link.new_email.as_deref(), redirect_to).await?;
    let mut shown = view::user(&sent.user);
    shown["action_link"] = json!(sent.link);
    shown["email_otp"] = json!(sent.code);
    shown["hashed_token"] = json!(sent.token);
    shown["redirect_to"] = json!(sent.redirect_to);
    shown["verification_type"] = json!(link.kind);
    Ok(view::private(shown))
}

#[derive(Deserialize)]
struct Invitation {
    email: String,
    data: Option<Value>,
}

/// `POST /invite`
pub(super) async fn invite(
    State(app): State<Arc<App>>,
    Admin(from): Admin,
    QueryOf(asked): QueryOf<Asked>,
    body: Body,
) -> Result<Response> {
    let invitation: Invitation = read(body).await?;
    let who = Attributes { email: Some(&invitation.email), user_metadata: invitation.data.as_ref(), ..Attributes::default() };
    let sent = admin::link(&app, &from.realm, MailKind::Invite, who, None, asked.redirect_to.as_deref()).await?;
    Ok(view::private(view::user(&sent.user)))
}

/// An id that is none names nobody.
pub(super) fn user_id(text: &str) -> Result<Uuid> {
    text.parse().map_err(|_| Error::not_found("user/not-found", "There is no such user in this environment."))
}
