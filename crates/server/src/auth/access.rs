//! Members, their roles, and the proof that one of them may do something in a project.

use cloche_wire::{MemberId, ProjectId};
use deadpool_postgres::Object;

use crate::error::{Error, Result};
use crate::store::environments::Environment;
use crate::store::projects::{self, Project};

/// A signed-in member.
#[derive(Debug, Clone)]
pub(crate) struct Actor {
    pub(crate) member_id: MemberId,
    pub(crate) email: String,
    pub(crate) name: String,
    /// Owner of the organization, and so of every project.
    pub(crate) owner: bool,
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
    /// Refuses all but owners of the organization.
    pub(crate) fn require_owner(&self) -> Result<()> {
        if self.owner {
            return Ok(());
        }
        Err(Error::forbidden("auth/forbidden", "This needs an owner of the organization."))
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
        let role = if actor.owner {
            Some(Role::Owner)
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

    /// Refuses those who may not change this environment, or get at its data: developers, where that is production's.
    pub(crate) fn require_change(&self, environment: &Environment) -> Result<()> {
        let need = if environment.has_production_data() { Role::Admin } else { Role::Developer };
        self.require(need, &format!("Changing {}", environment.name))
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
