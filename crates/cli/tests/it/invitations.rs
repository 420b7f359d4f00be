//! Invitations: who comes in by one, and which are dead.

use serde_json::json;

use crate::client::{Browser, Person, error_code};
use crate::harness::Server;
use crate::world::{PASSWORD, blog, control, id_of, invite, invited, organization, owner_of, secret_of, use_link};

#[tokio::test]
async fn a_new_person_comes_by_invitation() {
    let server = Server::start();
    let root = blog(&server).await;
    let (_, owner, organization) = owner_of(&server).await;
    let projects = json!([{ "projectId": root.project, "role": "DEVELOPER" }]);
    let link = invite(&owner, "Bea@example.com", json!({ "projects": projects })).await;
    let told = use_link(&server, "/session/link", &link, json!({})).await.json();
    let expected = json!({ "kind": "invitation", "email": "Bea@example.com", "name": null, "organization": "default",
                           "role": "member", "invitedBy": "ada@example.com", "expiresAt": told["expiresAt"] });
    assert_eq!(told, expected);
    for (more, problem) in [
        (json!({ "name": "Bea", "password": "short" }), "password/length"),
        (json!({ "name": "Bea", "password": "bea@example.com" }), "password/is-email"),
        (json!({ "password": PASSWORD }), "member/name-invalid"),
        (json!({ "name": "Bea" }), "request/malformed-json"),
    ] {
        assert_eq!(use_link(&server, "/session/invitation", &link, more.clone()).await.problem(), problem, "{more}");
    }
    let joined = use_link(&server, "/session/invitation", &link, json!({ "name": "Bea", "password": PASSWORD })).await;
    assert_eq!(joined.status, 201, "{}", joined.text);
    let bea = Browser::of(&server.url, &joined).person();
    let seen =
        bea.query("{ viewer { name instanceOwner organizations { name role } } projects { nodes { name role } } }", json!({}));
    let expected = json!({
        "viewer": { "name": "Bea", "instanceOwner": false, "organizations": [{ "name": "default", "role": "member" }] },
        "projects": { "nodes": [{ "name": "blog", "role": "developer" }] },
    });
    assert_eq!(seen.await, expected);
    // The link worked once.
    for path in ["/session/link", "/session/invitation"] {
        let again = use_link(&server, path, &link, json!({ "name": "Eve", "password": PASSWORD })).await;
        assert_eq!(again.problem(), "link/invalid", "{path}");
    }
    let input = json!({ "organizationId": organization, "email": "bea@EXAMPLE.com" });
    assert_eq!(owner.refused("inviteMember", input).await, "member/exists");
    let document = "query($p: String!) { projectMembers(projectId: $p) { role inherited member { email hasPassword } } }";
    let members = owner.query(document, json!({ "p": root.project })).await;
    let person = |email: &str, password: bool| json!({ "email": email, "hasPassword": password });
    let expected = json!([
        { "role": "owner", "inherited": true, "member": person("owner@localhost", false) },
        { "role": "owner", "inherited": true, "member": person("ada@example.com", true) },
        { "role": "developer", "inherited": false, "member": person("Bea@example.com", true) },
    ]);
    assert_eq!(members["projectMembers"], expected);
}

#[tokio::test]
async fn a_member_joins_another_organization_with_their_password() {
    let server = Server::start();
    let (_, owner, _) = owner_of(&server).await;
    let bea = invited(&server, &owner, "bea@example.com", json!({})).await;
    let acme = owner.must("createOrganization", json!({ "name": "Acme" })).await["organization"]["id"].clone();
    let link = invite(&owner, "BEA@example.com", json!({ "organizationId": acme, "role": "OWNER" })).await;
    assert_eq!(use_link(&server, "/session/link", &link, json!({})).await.json()["name"], "BEA@example.com");
    let wrong =
        use_link(&server, "/session/invitation", &link, json!({ "name": "Eve", "password": "wrong horse battery" })).await;
    assert_eq!((wrong.status, wrong.problem().as_str()), (401, "session/invalid"));
    let joined = use_link(&server, "/session/invitation", &link, json!({ "password": PASSWORD })).await;
    assert_eq!(joined.status, 201, "{}", joined.text);
    let seen = bea.person().query("{ viewer { name organizations { name role memberCount } } }", json!({})).await;
    let organizations = json!([
        { "name": "default", "role": "member", "memberCount": 3 },
        { "name": "Acme", "role": "owner", "memberCount": 2 },
    ]);
    assert_eq!(seen["viewer"], json!({ "name": "bea", "organizations": organizations }));
    // An owner of Acme has nothing to say in the other organization, and cannot act for who belongs to both.
    let bea = bea.person();
    let ada = id_of(&owner, "ada@example.com").await;
    for (mutation, input) in [
        ("createAccessToken", json!({ "name": "x", "memberId": ada })),
        ("createPasswordLink", json!({ "memberId": ada })),
        ("inviteMember", json!({ "organizationId": organization(&owner).await, "email": "eve@example.com" })),
        ("removeMember", json!({ "organizationId": organization(&owner).await, "memberId": ada })),
    ] {
        assert_eq!(bea.forbidden(mutation, input).await, "auth/forbidden", "{mutation}");
    }
    let tokens = bea.query("{ accessTokens { memberEmail } }", json!({})).await;
    assert_eq!(tokens["accessTokens"], json!([]), "the owner's tokens are shown");
    // Two projects of one name are told apart by their ids.
    owner.must("createProject", json!({ "name": "site" })).await;
    let made = bea.must("createProject", json!({ "organizationId": acme, "name": "site" })).await["project"]["id"].clone();
    let by_name = "query($n: String) { project(name: $n) { id organizationId } }";
    assert_eq!(error_code(&owner.ask(by_name, json!({ "n": "site" })).await), "project/ambiguous");
    assert_eq!(bea.query(by_name, json!({ "n": "SITE" })).await["project"], json!({ "id": made, "organizationId": acme }));
}

/// Who invites sees the link, so it must not give them an account that is used elsewhere.
#[tokio::test]
async fn an_invitation_does_not_take_an_account_over() {
    let server = Server::start();
    let (_, owner, _) = owner_of(&server).await;
    owner.must("addMember", json!({ "email": "ci@example.com" })).await;
    let acme = owner.must("createOrganization", json!({ "name": "Acme" })).await["organization"]["id"].clone();
    let eve = invited(&server, &owner, "eve@example.com", json!({ "organizationId": acme, "role": "OWNER" })).await.person();
    let link = invite(&eve, "ci@example.com", json!({ "organizationId": acme })).await;
    let body = json!({ "name": "Eve's", "password": PASSWORD });
    let taken = use_link(&server, "/session/invitation", &link, body.clone()).await;
    assert_eq!((taken.status, taken.problem().as_str()), (409, "member/no-password"));
    assert_eq!(server.stranger().post("/session", &json!({ "email": "ci@example.com", "password": PASSWORD })).await.status, 401);
    // Nor one of somebody who is added, not invited.
    let added = eve.refused("addMember", json!({ "organizationId": acme, "email": "ci@example.com" })).await;
    assert_eq!(added, "member/exists");
    // In their own organization it is their owners' business.
    let link =
        secret_of(&owner.must("createPasswordLink", json!({ "memberId": id_of(&owner, "ci@example.com").await })).await["link"]);
    assert_eq!(use_link(&server, "/session/password", &link, json!({ "password": PASSWORD })).await.status, 201);
}

#[tokio::test]
async fn dead_invitations_stay_dead() {
    let server = Server::start();
    let (_, owner, organization) = owner_of(&server).await;
    let replaced = invite(&owner, "bea@example.com", json!({})).await;
    let expired = invite(&owner, "BEA@example.com", json!({})).await;
    let sql = "UPDATE invitations SET expires_at = now() - interval '1 second' WHERE revoked_at IS NULL";
    control(&server).await.execute(sql, &[]).await.unwrap();
    let revoked = invite(&owner, "cy@example.com", json!({})).await;
    let list = "query($o: String) { invitations(organizationId: $o) { id email revokedAt acceptedAt invitedBy } }";
    let all = owner.query(list, json!({ "o": organization })).await["invitations"].as_array().unwrap().clone();
    assert_eq!(all.len(), 3, "{all:?}");
    owner.must("revokeInvitation", json!({ "invitationId": all[0]["id"] })).await;
    // Of somebody who owns nothing any more.
    let dan = invited(&server, &owner, "dan@example.com", json!({ "role": "OWNER" })).await.person();
    let orphaned = invite(&dan, "friend@example.com", json!({})).await;
    let ada = id_of(&owner, "ada@example.com").await;
    let theirs =
        secret_of(&dan.must("createPasswordLink", json!({ "memberId": id_of(&owner, "dan@example.com").await })).await["link"]);
    let demoted = json!({ "organizationId": organization, "memberId": id_of(&owner, "dan@example.com").await, "role": "MEMBER" });
    owner.must("setOrganizationRole", demoted).await;
    for (what, link) in
        [("replaced", replaced), ("expired", expired), ("revoked", revoked), ("orphaned", orphaned), ("theirs", theirs)]
    {
        for path in ["/session/link", "/session/invitation", "/session/password", "/session/setup"] {
            let more = json!({ "email": "x@example.com", "name": "Eve", "password": PASSWORD });
            let answer = use_link(&server, path, &link, more).await;
            assert_eq!((answer.status, answer.problem().as_str()), (404, "link/invalid"), "{what} {path}");
        }
    }
    assert_eq!(
        owner.forbidden("createPasswordLink", json!({ "memberId": id_of(&owner, "owner@localhost").await })).await,
        "auth/forbidden"
    );
    assert_eq!(dan.forbidden("createPasswordLink", json!({ "memberId": ada })).await, "auth/forbidden");
    let mine = owner.query(list, json!({ "o": organization })).await["invitations"].as_array().unwrap().clone();
    let accepted = mine.iter().find(|one| one["email"] == "dan@example.com").unwrap();
    assert_eq!(owner.refused("revokeInvitation", json!({ "invitationId": accepted["id"] })).await, "invitation/accepted");
}

/// What an owner has made for a member, and so has seen, does not open the organization the member joins later.
#[tokio::test]
async fn who_joins_comes_alone() {
    let server = Server::start();
    let (_, owner, _) = owner_of(&server).await;
    let acme = owner.must("createOrganization", json!({ "name": "Acme" })).await["organization"]["id"].clone();
    let eve = invited(&server, &owner, "eve@example.com", json!({ "organizationId": acme, "role": "OWNER" })).await.person();
    let bea = invited(&server, &owner, "bea@example.com", json!({ "organizationId": acme })).await.person();
    let id = bea.query("{ viewer { id } }", json!({})).await["viewer"]["id"].clone();
    let token = async |maker: &Person| {
        let made = maker.must("createAccessToken", json!({ "name": "x", "memberId": id })).await;
        Person::new(&server.url, made["token"].as_str().unwrap())
    };
    let (theirs, own) = (token(&eve).await, token(&bea).await);
    let password = secret_of(&eve.must("createPasswordLink", json!({ "memberId": id })).await["link"]);
    let status = async |person: &Person| person.status().await;
    assert_eq!((status(&theirs).await, status(&own).await), (200, 200));
    let link = invite(&owner, "bea@example.com", json!({})).await;
    assert_eq!(use_link(&server, "/session/invitation", &link, json!({ "password": PASSWORD })).await.status, 201);
    assert_eq!((status(&theirs).await, status(&own).await), (401, 200));
    assert_eq!(use_link(&server, "/session/link", &password, json!({})).await.problem(), "link/invalid");
    // And what an owner made for others ends when the owner goes.
    let added = eve.must("addMember", json!({ "organizationId": acme, "email": "ci@example.com" })).await["member"]["id"].clone();
    let made = eve.must("createAccessToken", json!({ "name": "x", "memberId": added })).await;
    let machine = Person::new(&server.url, made["token"].as_str().unwrap());
    assert_eq!(status(&machine).await, 200);
    let eve = eve.query("{ viewer { id } }", json!({})).await["viewer"]["id"].clone();
    owner.must("removeMember", json!({ "organizationId": acme, "memberId": eve })).await;
    assert_eq!(status(&machine).await, 401);
}
