//! Members, their roles, and the proof that one of them may do something in a project.

use chrono::{DateTime, TimeDelta, Utc};
use cloche_wire::{MemberId, OrganizationId, ProjectId, SessionId};
use deadpool_postgres::Object;

use crate::error::{Error, Result};
use crate::store::environments::{Environment, EnvironmentType};
use crate::store::projects::{self, Project};

/// How long a given password opens what asks for it again.
const RECENT: TimeDelta = TimeDelta::minutes(10);

/// Somebody who showed a credential: a member, by an access token or by a browser's session.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) member_id: MemberId,
    pub(crate) email: String,
    pub(crate) name: String,
    /// Runs this server: may create organizations, and sees the server's own audit log.
    pub(crate) instance_owner: bool,
    /// Those the member belongs to, oldest first.
    pub(crate) organizations: Vec<(OrganizationId, OrganizationRole)>,
    /// The browser's session; none with an access token.
    pub(crate) session: Option<SignedIn>,
}

/// A browser's session, as far as rights depend on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SignedIn {
    pub(crate) id: SessionId,
    /// When the password was last given.
    pub(crate) authenticated_at: DateTime<Utc>,
}

/// What a member is in an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrganizationRole {
    /// Owns every project, and says who belongs to it.
    Owner,
    /// Has the roles given in each project.
    Member,
}

/// What a member may do in a project, each including those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// Reads definitions and counts.
    Viewer,
    /// Changes environments, but for production and full copies of it.
    Developer,
    /// Changes production; reads secrets' values.
    Admin,
    /// `ProjectOwner`: everything.
    Owner,
}

/// The proof that an actor has a role in a project. Made only by [`ProjectAccess::check`].
pub(crate) struct ProjectAccess {
    actor: Actor,
    project: Project,
    role: Role,
}

impl Actor {
    /// The server itself, when it does what nobody asked for at that moment.
    pub(crate) fn system() -> Self {
        Self {
            member_id: MemberId(uuid::Uuid::nil()),
            email: "system".into(),
            name: "The server".into(),
            instance_owner: false,
            organizations: Vec::new(),
            session: None,
        }
    }

    /// The role in an organization; none for who does not belong to it.
    pub(crate) fn role_in(&self, organization: OrganizationId) -> Option<OrganizationRole> {
        self.organizations.iter().find(|(id, _)| *id == organization).map(|(_, role)| *role)
    }

    /// Whether they own the organization, and so each of its projects.
    pub(crate) fn owns(&self, organization: OrganizationId) -> bool {
        self.role_in(organization) == Some(OrganizationRole::Owner)
    }

    /// The ids of the organizations they own.
    pub(crate) fn owned(&self) -> Vec<uuid::Uuid> {
        self.organizations.iter().filter(|(_, role)| *role == OrganizationRole::Owner).map(|(id, _)| id.0).collect()
    }

    /// The organization that is meant: the one asked for, else their only or oldest one. Others look as if they were not there.
    pub(crate) fn organization(&self, asked: Option<OrganizationId>) -> Result<OrganizationId> {
        match asked {
            Some(id) if self.role_in(id).is_some() => Ok(id),
            Some(id) => Err(unknown_organization(&id.to_string())),
            None => self.organizations.first().map(|(id, _)| *id).ok_or_else(|| {
                Error::forbidden("auth/forbidden", "You belong to no organization.")
                    .hint("Ask an owner of one for an invitation.")
            }),
        }
    }

    /// Refuses all but owners of the organization. It is not there for who does not belong to it.
    pub(crate) fn require_owner_of(&self, organization: OrganizationId) -> Result<()> {
        match self.role_in(organization) {
            Some(OrganizationRole::Owner) => Ok(()),
            Some(OrganizationRole::Member) => Err(Error::forbidden("auth/forbidden", "This needs an owner of the organization.")),
            None => Err(unknown_organization(&organization.to_string())),
        }
    }

    /// Refuses all but who runs this server.
    pub(crate) fn require_instance_owner(&self) -> Result<()> {
        if self.instance_owner {
            return Ok(());
        }
        Err(Error::forbidden("auth/forbidden", "This needs an owner of this server."))
    }

    /// Asks a browser for the password again, when it was given some time ago. Whoever holds an access token is not asked.
    pub(crate) fn require_recent(&self) -> Result<()> {
        match self.session {
            Some(session) if Utc::now() - session.authenticated_at > RECENT => {
                Err(Error::forbidden("session/reauthenticate", "This needs your password once more.")
                    .hint("Give it at POST /session/confirm, then try again within ten minutes."))
            }
            _ => Ok(()),
        }
    }
}

impl OrganizationRole {
    /// As stored; nothing for another text.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        [Self::Owner, Self::Member].into_iter().find(|role| role.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Member => "member",
        }
    }
}

impl Role {
    fn parse(text: &str) -> Option<Self> {
        [Self::Viewer, Self::Developer, Self::Admin, Self::Owner].into_iter().find(|role| role.as_str() == text)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Developer => "developer",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl ProjectAccess {
    /// Looks the actor's role up. A project one has no role in looks like one that does not exist.
    pub(crate) async fn check(client: &Object, actor: &Actor, project: ProjectId, need: Role) -> Result<Self> {
        let found = projects::find(client, project).await?.ok_or_else(|| unknown(&project.to_string()))?;
        let role = if actor.owns(found.organization_id) {
            Some(Role::Owner)
        } else if actor.role_in(found.organization_id).is_none() {
            None
        } else {
            projects::role(client, project, actor.member_id).await?.as_deref().and_then(Role::parse)
        };
        let role = role.ok_or_else(|| unknown(&project.to_string()))?;
        let access = Self { actor: actor.clone(), project: found, role };
        access.require(need, "This")?;
        Ok(access)
    }

    /// Refuses a lesser role than `need`; `what` begins the sentence that says so.
    pub(crate) fn require(&self, need: Role, what: &str) -> Result<()> {
        if self.role >= need {
            return Ok(());
        }
        let message =
            format!("{what} needs the role {} in project {}; yours is {}.", need.as_str(), self.project.name, self.role.as_str());
        Err(Error::forbidden("auth/forbidden", message).hint("Ask an owner of the project."))
    }

    /// Refuses those who may not change this environment, or get at its data: developers, where that is
    /// production's, and browsers whose password was given long ago, where it is production or protected.
    pub(crate) fn require_change(&self, environment: &Environment) -> Result<()> {
        let need = if environment.has_production_data() { Role::Admin } else { Role::Developer };
        self.require(need, &format!("Changing {}", environment.name))?;
        if environment.protected || environment.kind == EnvironmentType::Prod { self.actor.require_recent() } else { Ok(()) }
    }

    /// The role that was found.
    pub(crate) fn role(&self) -> Role {
        self.role
    }

    pub(crate) fn actor(&self) -> &Actor {
        &self.actor
    }

    pub(crate) fn project(&self) -> &Project {
        &self.project
    }
}

/// There is no such project, or the caller may not know of it.
pub(crate) fn unknown(project: &str) -> Error {
    Error::not_found("project/not-found", format!("There is no project {project}, or you have no role in it."))
        .hint("`cloche project list` shows yours.")
}

/// There is no such organization, or the caller does not belong to it.
pub(crate) fn unknown_organization(organization: &str) -> Error {
    Error::not_found("organization/not-found", format!("There is no organization {organization}, or you do not belong to it."))
        .hint("`cloche orgs list` shows yours.")
}
