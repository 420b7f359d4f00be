//! What the management plane answers, as far as the commands show it; `--json` prints these in their order.

use serde::{Deserialize, Serialize};

macro_rules! models {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub(crate) struct $name {
            $($(#[$field_doc])* pub(crate) $field: $type,)*
        }
    )*};
}

models! {
    /// Whom a token stands for.
    Viewer { id: String, email: Option<String>, name: Option<String>, instance_owner: bool, }

    /// People and the projects they own.
    Organization {
        id: String,
        name: String,
        /// What the caller is in it: owner or member.
        role: String,
        member_count: u64,
        created_at: String,
    }

    /// A server and the PostgreSQL it uses by default.
    Server {
        version: String,
        postgres_version: String,
        /// `embedded` or `external`.
        postgres_kind: String,
        data_directory: Option<String>,
        /// Whether a full branch takes no time for its bytes.
        copy_on_write: bool,
        filesystem: Option<String>,
    }

    /// A project.
    Project {
        id: String,
        organization_id: Option<String>,
        name: String,
        /// What the caller is in it: viewer, developer, admin or owner.
        role: Option<String>,
        created_at: String,
        root_environment: Option<Environment>,
        environment_count: Option<u64>,
    }

    /// An environment: the whole card.
    Environment {
        id: String,
        project_id: String,
        name: String,
        /// dev, staging, prod, eval or custom.
        #[serde(rename = "type")] kind: String,
        /// creating, active, paused, deleting, deleted, failed or stuck.
        status: String,
        provider: Option<String>,
        region: Option<String>,
        cluster: Option<String>,
        parent_id: Option<String>,
        parent_name: Option<String>,
        branch_mode: Option<String>,
        branched_at: Option<String>,
        expires_at: Option<String>,
        protected: bool,
        holds_production_data: bool,
        deleted_at: Option<String>,
        erase_at: Option<String>,
        created_at: String,
        updated_at: String,
    }

    /// An environment in its place in the tree.
    TreeNode {
        /// 0 for the root.
        depth: usize,
        environment: Environment,
    }

    /// A default key pair, shown once.
    KeyPair { publishable: String, secret: String, }

    /// A key as lists show it.
    ApiKey {
        id: String,
        prefix: String,
        kind: String,
        name: String,
        scopes: Option<Vec<String>>,
        default: bool,
        created_at: String,
        last_used_at: Option<String>,
        expires_at: Option<String>,
        revoked_at: Option<String>,
        /// The whole text of a publishable key.
        publishable: Option<String>,
    }

    /// A piece of work in steps.
    Operation {
        id: String,
        kind: String,
        /// running, done, rolledBack or stuck.
        status: String,
        environment_id: Option<String>,
        /// What went wrong, as the server gives it.
        error: Option<serde_json::Value>,
        strategy: Option<String>,
        strategy_reason: Option<String>,
        pause_ms: Option<f64>,
        duration_ms: Option<f64>,
        steps: Vec<Step>,
        created_at: String,
        finished_at: Option<String>,
    }

    /// One step of it.
    Step {
        name: String,
        /// The step in words.
        title: String,
        /// pending, running, done, failed or undone.
        status: String,
        started_at: Option<String>,
        finished_at: Option<String>,
        /// What the step says of what it did: an object whose keys depend on the step.
        detail: Option<serde_json::Value>,
    }

    /// A variable; its value only when it was asked for.
    Variable { name: String, value: Option<String>, updated_at: Option<String>, }

    /// A request to an environment's data plane.
    LoggedRequest {
        cursor: String,
        at: String,
        method: String,
        /// The path, with placeholders.
        route: String,
        resource: Option<String>,
        status: u16,
        duration_ms: f64,
        key_id: String,
        user_id: Option<String>,
        request_id: String,
        address: Option<String>,
    }

    /// What the access rules say to somebody's wish, and why.
    Explanation {
        /// allowed or denied.
        decision: String,
        reason: String,
        rules: Vec<AccessRule>,
        /// The records that are reached, as a condition.
        rows: Option<String>,
        masks: Vec<AccessMask>,
    }

    /// A rule that was looked at.
    AccessRule {
        role: Option<String>,
        kind: String,
        index: Option<usize>,
        effect: Option<String>,
        decides: bool,
        text: String,
    }

    /// A column that is not shown as it is, and the rule that masks it.
    AccessMask {
        column: String,
        mask: String,
        text: Option<String>,
        rows: Option<String>,
        role: String,
        index: usize,
    }

    /// A user of an environment's applications.
    User {
        id: String,
        /// What the application calls them.
        external_id: Option<String>,
        email: Option<String>,
        email_confirmed: bool,
        roles: Vec<String>,
        is_anonymous: bool,
        banned_until: Option<String>,
        last_sign_in_at: Option<String>,
        created_at: String,
    }

    /// A mail to one of them.
    Mail {
        id: String,
        kind: String,
        recipient: String,
        subject: String,
        text: String,
        link: Option<String>,
        code: Option<String>,
        created_at: String,
    }

    /// What would change or has changed in an environment's definitions.
    Plan {
        hash: String,
        empty: bool,
        changes: Vec<Change>,
        /// In the environment, but not in the folder.
        extra: Vec<Extra>,
    }

    /// One change.
    Change {
        /// table, column, enum, index, constraint or access.
        kind: String,
        name: String,
        /// create, alter, drop or rename.
        action: String,
        description: String,
        breaking: bool,
        /// Its statements, as the server gives them.
        sql: serde_json::Value,
    }

    /// One thing that only the environment has.
    Extra { kind: String, name: String, }

    /// A person.
    Member {
        id: String,
        email: String,
        name: Option<String>,
        /// owner or member.
        organization_role: Option<String>,
        created_at: Option<String>,
        last_seen_at: Option<String>,
        /// They can sign in to the console.
        has_password: Option<bool>,
        /// Their roles in the organization's projects, as far as the caller sees these.
        projects: Option<Vec<ProjectMembership>>,
    }

    /// A role in a project.
    ProjectMembership {
        project_id: String,
        project_name: String,
        /// viewer, developer, admin or owner.
        role: String,
    }

    /// A link with which somebody joins an organization, without its secret.
    Invitation {
        id: String,
        email: String,
        /// owner or member.
        organization_role: String,
        projects: Vec<ProjectMembership>,
        invited_by: String,
        created_at: String,
        expires_at: String,
        accepted_at: Option<String>,
        revoked_at: Option<String>,
    }

    /// A personal access token as lists show it.
    AccessToken {
        id: String,
        /// The member it stands for.
        member_email: Option<String>,
        name: String,
        prefix: String,
        created_at: String,
        last_used_at: Option<String>,
        expires_at: Option<String>,
        revoked_at: Option<String>,
    }

    /// One entry of the audit log.
    AuditEntry {
        id: String,
        at: String,
        actor: Option<String>,
        action: String,
        target: Option<String>,
        detail: Option<serde_json::Value>,
    }

    /// What creating or branching an environment gives.
    Created { environment: Environment, keys: Option<KeyPair>, operation: Option<Operation>, }
}

/// GraphQL fragments with the fields of the models above; `client` adds those a document names.
pub(crate) const FRAGMENTS: &[(&str, &str)] = &[
    ("OrganizationFields", "Organization { id name role memberCount createdAt }"),
    (
        "InvitationFields",
        "Invitation { id email organizationRole projects { projectId projectName role } invitedBy createdAt expiresAt acceptedAt \
         revokedAt }",
    ),
    (
        "ProjectFields",
        "Project { id organizationId name role createdAt rootEnvironment { ...EnvironmentFields } environmentCount }",
    ),
    (
        "EnvironmentFields",
        "Environment { id projectId name type status provider region cluster parentId parentName branchMode branchedAt expiresAt \
         protected holdsProductionData deletedAt eraseAt createdAt updatedAt }",
    ),
    ("ApiKeyFields", "ApiKey { id prefix kind name scopes default createdAt lastUsedAt expiresAt revokedAt publishable }"),
    ("UserFields", "User { id externalId email emailConfirmed roles isAnonymous bannedUntil lastSignInAt createdAt }"),
    (
        "OperationFields",
        "Operation { id kind status environmentId error strategy strategyReason pauseMs durationMs \
         steps { name title status startedAt finishedAt detail } createdAt finishedAt }",
    ),
    (
        "MemberFields",
        "Member { id email name organizationRole createdAt lastSeenAt hasPassword projects { projectId projectName role } }",
    ),
    ("AccessTokenFields", "AccessToken { id memberEmail name prefix createdAt lastUsedAt expiresAt revokedAt }"),
];
