//! The table: what each operation needs, and what is sent to try it.

use serde_json::{Value, json};

use super::Least::{Admin, Anybody, Developer, InstanceOwner, Member, Nobody, OrganizationOwner, ProjectOwner, Viewer};
use super::{Caller, Least, PASSWORD, World};
use crate::client::Browser;
use crate::world::blog_files;

/// Every query and mutation: on what it is tried, and who may at the least.
pub(super) const ROWS: &[(&str, &[(&str, Least)])] = &[
    // Who is asking, and what is everybody's.
    ("viewer", &[("own", Anybody)]),
    ("organizations", &[("own", Anybody)]),
    ("sessions", &[("own", Anybody)]),
    ("accessTokens", &[("own", Anybody)]),
    ("projects", &[("own", Anybody)]),
    ("server", &[("own", Anybody)]),
    ("clusters", &[("own", Anybody)]),
    ("updateViewer", &[("own", Anybody)]),
    ("changePassword", &[("own", Anybody)]),
    ("revokeSession", &[("own", Anybody), ("another's", Nobody)]),
    ("createAccessToken", &[("own", Anybody), ("another's", OrganizationOwner)]),
    ("revokeAccessToken", &[("own", Anybody), ("another's", OrganizationOwner)]),
    // The server and organizations.
    ("auditLog", &[("project", Admin), ("server", InstanceOwner)]),
    ("createOrganization", &[("server", InstanceOwner)]),
    ("updateOrganization", &[("organization", OrganizationOwner)]),
    ("members", &[("organization", Member)]),
    ("invitations", &[("organization", OrganizationOwner)]),
    ("addMember", &[("organization", OrganizationOwner)]),
    ("inviteMember", &[("organization", OrganizationOwner), ("with a role", OrganizationOwner)]),
    ("revokeInvitation", &[("organization", OrganizationOwner)]),
    ("removeMember", &[("another", OrganizationOwner)]),
    ("setOrganizationRole", &[("another", OrganizationOwner)]),
    ("transferOwnership", &[("another", OrganizationOwner)]),
    ("createPasswordLink", &[("another", OrganizationOwner)]),
    // Projects.
    ("createProject", &[("organization", Member)]),
    ("project", &[("project", Viewer)]),
    ("projectMembers", &[("project", Viewer)]),
    ("setProjectRole", &[("project", ProjectOwner)]),
    ("environments", &[("project", Viewer)]),
    ("environmentTree", &[("project", Viewer)]),
    ("deletedEnvironments", &[("project", Viewer)]),
    ("operations", &[("project", Viewer)]),
    ("operation", &[("project", Viewer)]),
    // Environments. Production asks for more than the others.
    ("environment", &[("dev", Viewer), ("prod", Viewer)]),
    ("createEnvironment", &[("dev", Developer), ("prod", ProjectOwner)]),
    ("branchEnvironment", &[("dev", Developer), ("prod", Admin), ("with variables", ProjectOwner)]),
    ("updateEnvironment", &[("dev", Developer), ("prod", Admin), ("protection", ProjectOwner)]),
    ("renewLease", &[("dev", Developer), ("prod", Admin)]),
    ("pauseEnvironment", &[("dev", Developer), ("prod", Admin)]),
    ("resumeEnvironment", &[("dev", Developer), ("prod", Admin)]),
    ("deleteEnvironment", &[("dev", Developer), ("prod", ProjectOwner)]),
    ("restoreEnvironment", &[("dev", Developer), ("prod", ProjectOwner)]),
    ("apiKeys", &[("dev", Developer), ("prod", Developer)]),
    ("createApiKey", &[("dev", Developer), ("prod", Admin)]),
    ("rotateApiKeys", &[("dev", Developer), ("prod", Admin)]),
    ("revokeApiKey", &[("dev", Developer), ("prod", Admin)]),
    ("variables", &[("dev", Developer), ("prod", Developer), ("revealed", Admin)]),
    ("setVariables", &[("dev", Developer), ("prod", Admin)]),
    ("users", &[("dev", Developer), ("prod", Admin)]),
    ("mails", &[("dev", Developer), ("prod", Admin)]),
    ("authSettings", &[("dev", Developer), ("prod", Developer)]),
    ("authProviders", &[("dev", Developer), ("prod", Developer)]),
    ("setAuthProvider", &[("dev", Developer), ("prod", Admin)]),
    ("removeAuthProvider", &[("dev", Developer), ("prod", Admin)]),
    ("createUser", &[("dev", Developer), ("prod", Admin)]),
    ("updateUser", &[("dev", Developer), ("prod", Admin)]),
    ("deleteUser", &[("dev", Developer), ("prod", Admin)]),
    ("updateAuthSettings", &[("dev", Developer), ("prod", Admin)]),
    ("rotateDatabaseCredential", &[("dev", Developer), ("prod", Admin)]),
    ("environmentSettings", &[("dev", Viewer), ("prod", Viewer)]),
    ("updateEnvironmentSettings", &[("dev", Developer), ("prod", Admin)]),
    ("requestLog", &[("dev", Developer), ("prod", Developer)]),
    ("usage", &[("dev", Viewer), ("prod", Viewer)]),
    ("definitions", &[("dev", Viewer), ("prod", Viewer)]),
    ("applyDefinitions", &[("dev", Developer), ("prod", Admin), ("dry run", Viewer)]),
    ("schema", &[("dev", Viewer), ("prod", Viewer)]),
    ("applySchema", &[("dev", Developer), ("prod", Admin), ("dry run", Viewer)]),
    ("roles", &[("dev", Viewer), ("prod", Viewer)]),
    ("setRole", &[("dev", Developer), ("prod", Admin)]),
    ("deleteRole", &[("dev", Developer), ("prod", Admin)]),
    ("explainAccess", &[("dev", Viewer), ("prod", Viewer)]),
];

/// An input with which the operation succeeds for who may, once. Whatever it uses up is made for it.
pub(super) async fn input(world: &World, caller: &Caller, operation: &str, place: &str) -> Value {
    let fresh = uuid::Uuid::new_v4().simple().to_string();
    let environment = if place == "prod" { &world.prod } else { &world.work };
    let (organization, project) = (&world.organization, &world.root.project);
    let of_helper = || json!({ "organizationId": organization, "memberId": world.helper });
    match operation {
        "updateViewer" => json!({ "name": fresh }),
        "changePassword" => json!({ "current": PASSWORD, "new": PASSWORD }),
        "createAccessToken" if place == "own" => json!({ "name": fresh }),
        "createAccessToken" => json!({ "name": fresh, "memberId": world.helper }),
        "revokeSession" => json!({ "sessionId": session(world, caller, place).await }),
        "revokeAccessToken" => json!({ "tokenId": token(world, caller, place).await }),
        "auditLog" if place == "project" => json!({ "projectId": project }),
        "createOrganization" => json!({ "name": fresh }),
        "updateOrganization" => json!({ "organizationId": organization, "name": fresh }),
        "members" | "invitations" => json!({ "organizationId": organization }),
        "addMember" => json!({ "organizationId": organization, "email": format!("{fresh}@example.com") }),
        "inviteMember" => {
            let projects = if place == "with a role" { json!([{ "projectId": project, "role": "VIEWER" }]) } else { json!([]) };
            json!({ "organizationId": organization, "email": format!("{fresh}@example.com"), "projects": projects })
        }
        "revokeInvitation" => {
            let input = json!({ "organizationId": organization, "email": format!("{fresh}@example.com") });
            json!({ "invitationId": world.owner.must("inviteMember", input).await["invitation"]["id"] })
        }
        "removeMember" => {
            let added = world.owner.must("addMember", json!({ "email": format!("{fresh}@example.com") })).await;
            json!({ "organizationId": organization, "memberId": added["member"]["id"] })
        }
        "setOrganizationRole" => json!({ "organizationId": organization, "memberId": world.helper, "role": "MEMBER" }),
        "transferOwnership" => of_helper(),
        "createPasswordLink" => json!({ "memberId": world.helper }),
        "createProject" => json!({ "organizationId": organization, "name": fresh }),
        "setProjectRole" => json!({ "projectId": project, "memberId": world.helper, "role": "VIEWER" }),
        "project" => json!({ "id": project }),
        "operation" => json!({ "id": world.operation }),
        "projectMembers" | "environments" | "environmentTree" | "deletedEnvironments" | "operations" => {
            json!({ "projectId": project })
        }
        "environment" => json!({ "id": environment }),
        "createEnvironment" => {
            json!({ "projectId": project, "name": fresh, "type": if place == "prod" { "prod" } else { "custom" } })
        }
        "branchEnvironment" => {
            let source = if place == "prod" { "prod" } else { "work" };
            let variables = place == "with variables";
            json!({ "projectId": project, "name": fresh, "sourceEnvironment": source, "mode": "full",
                    "copyEnvironmentVariables": variables })
        }
        "updateEnvironment" if place == "protection" => json!({ "environmentId": environment, "protected": false }),
        "updateEnvironment" => json!({ "environmentId": environment, "name": if place == "prod" { "prod" } else { "work" } }),
        "renewLease" => json!({ "environmentId": environment, "lease": null }),
        "deleteEnvironment" => json!({ "environmentId": made(world, &fresh, place).await, "confirmName": fresh }),
        "restoreEnvironment" => {
            let id = made(world, &fresh, place).await;
            world.owner.must("deleteEnvironment", json!({ "environmentId": id, "confirmName": fresh })).await;
            json!({ "environmentId": id })
        }
        "createApiKey" => json!({ "environmentId": environment, "kind": "SECRET", "name": fresh }),
        "revokeApiKey" => {
            let input = json!({ "environmentId": environment, "kind": "SECRET", "name": fresh });
            json!({ "keyId": world.owner.must("createApiKey", input).await["apiKey"]["id"] })
        }
        "setVariables" => json!({ "environmentId": environment, "variables": [{ "name": "A", "value": fresh }] }),
        "variables" => json!({ "environmentId": environment, "reveal": place == "revealed" }),
        "applyDefinitions" => json!({ "environmentId": environment, "files": blog_files(), "dryRun": place == "dry run" }),
        "updateEnvironmentSettings" => json!({ "environmentId": environment, "maxRows": 1000 }),
        "environmentSettings" | "requestLog" | "usage" => json!({ "environmentId": environment }),
        "applySchema" => {
            let changes = json!([{ "createEnum": { "name": format!("e{fresh}"), "values": ["a"] } }]);
            json!({ "environmentId": environment, "changes": changes, "dryRun": place == "dry run" })
        }
        "schema" => json!({ "environmentId": environment }),
        "createUser" => json!({ "environmentId": environment, "email": format!("{fresh}@example.com") }),
        "updateUser" => json!({ "environmentId": environment, "userId": user(world, environment, &fresh).await, "roles": ["a"] }),
        "deleteUser" => json!({ "environmentId": environment, "userId": user(world, environment, &fresh).await }),
        "updateAuthSettings" => json!({ "environmentId": environment, "tokenTtl": 1200 }),
        "setRole" => json!({ "environmentId": environment, "name": "tried", "spec": spec() }),
        "deleteRole" => {
            let role = json!({ "environmentId": environment, "name": "tried", "spec": spec() });
            world.owner.must("setRole", role).await;
            json!({ "environmentId": environment, "name": "tried" })
        }
        "explainAccess" => {
            json!({ "environmentId": environment, "resource": "posts", "action": "READ", "actor": { "key": "ANON" } })
        }
        "setAuthProvider" => provider(environment, &fresh),
        "removeAuthProvider" => {
            world.owner.must("setAuthProvider", provider(environment, &fresh)).await;
            json!({ "environmentId": environment, "name": fresh })
        }
        "users" | "mails" | "authSettings" | "authProviders" => json!({ "environmentId": environment }),
        "roles"
        | "pauseEnvironment"
        | "resumeEnvironment"
        | "rotateApiKeys"
        | "rotateDatabaseCredential"
        | "apiKeys"
        | "definitions" => {
            json!({ "environmentId": environment })
        }
        _ => json!({}),
    }
}

/// A role about everything there is.
fn spec() -> Value {
    json!({ "policies": [{ "resource": "*", "actions": ["read"] }] })
}

/// A session to be ended: another one of the caller's own, or the bystander's.
async fn session(world: &World, caller: &Caller, place: &str) -> Value {
    if place != "own" {
        return json!(world.bystander);
    }
    Browser::sign_in(&world.server.url, &caller.email, PASSWORD).await;
    caller.person().query("{ sessions { id } }", json!({})).await["sessions"][0]["id"].clone()
}

/// A token to be revoked: the caller's own, or the helper's.
async fn token(world: &World, caller: &Caller, place: &str) -> Value {
    let name = "to be revoked";
    let made = if place == "own" {
        caller.person().must("createAccessToken", json!({ "name": name })).await
    } else {
        world.owner.must("createAccessToken", json!({ "name": name, "memberId": world.helper })).await
    };
    made["accessToken"]["id"].clone()
}

/// A provider nobody is asked about yet.
fn provider(environment: &str, name: &str) -> Value {
    json!({ "environmentId": environment, "name": name, "issuer": "https://id.example", "clientId": "us", "clientSecret": "word" })
}

/// The id of a new user.
async fn user(world: &World, environment: &str, name: &str) -> Value {
    let input = json!({ "environmentId": environment, "email": format!("{name}@example.com") });
    world.owner.must("createUser", input).await["user"]["id"].clone()
}

/// The id of a new environment.
async fn made(world: &World, name: &str, place: &str) -> Value {
    let kind = if place == "prod" { "prod" } else { "custom" };
    let input = json!({ "projectId": world.root.project, "name": name, "type": kind });
    world.owner.must("createEnvironment", input).await["environment"]["id"].clone()
}
