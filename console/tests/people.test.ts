import { expect, test } from "vitest";

import { newPerson } from "./support/browser";
import { branchToTheEnd } from "./support/steps";
import { suite } from "./support/suite";

const shared = suite();
const GRACE = { email: "grace@example.org", name: "Grace Hopper", password: "nanoseconds of wire" };

async function invite(email: string, role: string): Promise<string> {
  const { page } = shared.owner;
  await page.goto("/p/garden/e/dev/members");
  await page.getByRole("button", { name: "Invite" }).click();
  const dialog = page.getByRole("dialog", { name: /^Invite to/ });
  await dialog.getByLabel("E-mail address").fill(email);
  await dialog.getByLabel("Role in garden").selectOption(role);
  await dialog.getByRole("button", { name: "Make invitation" }).click();
  const shown = page.getByRole("dialog", { name: `Invitation for ${email}` });
  const link = (await shown.locator("code").innerText()).trim();
  await shown.getByRole("button", { name: "Done" }).click();
  return link;
}

test("who is invited as a viewer joins by the link, and can look but not touch", async () => {
  const { owner, browser, server } = shared;
  await branchToTheEnd(owner.page, "staging");
  const link = await invite(GRACE.email, "viewer");
  expect(link).toMatch(new RegExp(`^${server.url}/invitation#`));
  await owner.page.getByRole("region", { name: "Invitations" }).getByText(GRACE.email).first().waitFor();

  const grace = await newPerson(browser, server.url);
  await grace.page.goto(link);
  await grace.page.getByText(GRACE.email).waitFor();
  expect(grace.page.url()).toBe(`${server.url}/invitation`);
  await grace.page.getByLabel("Your name").fill(GRACE.name);
  await grace.page.getByLabel("Password", { exact: true }).fill(GRACE.password);
  await grace.page.getByLabel("Password again").fill(GRACE.password);
  await grace.page.getByRole("button", { name: "Join" }).click();
  await grace.page.waitForURL("**/p/garden/e/dev");

  // No button that changes anything, on any page.
  for (const path of ["", "/environments", "/environments?view=tree", "/keys", "/members", "/activity"]) {
    await grace.page.goto(`/p/garden/e/staging${path}`);
    await grace.page.getByRole("heading", { level: 1 }).waitFor();
    const forbidden = /Create|Branch from|Actions for|Rotate|Revoke|Invite|Delete|Restore/;
    expect(await grace.page.getByRole("button", { name: forbidden }).count(), path).toBe(0);
  }
  // And the server refuses, whatever the page shows.
  const answer = await grace.page.evaluate(async () => {
    const { csrfToken } = (await (await fetch("/session")).json()) as { csrfToken: string };
    const headers = { "content-type": "application/json", "x-csrf-token": csrfToken };
    const ask = async (query: string) =>
      (await fetch("/graphql", { method: "POST", headers, body: JSON.stringify({ query }) })).text();
    const id = /"id":"([^"]+)"/.exec(await ask(`{ project(name: "garden") { id } }`))?.[1];
    return ask(`mutation { createEnvironment(input: { projectId: "${id}", name: "mine" }) { success } }`);
  });
  expect(answer).toContain("auth/forbidden");
  expect(grace.complaints).toEqual([]);
  expect(owner.complaints).toEqual([]);
});

test("a changed role is in force at once, and a removed member is out", async () => {
  const { owner, browser, server } = shared;
  const grace = await newPerson(browser, server.url);
  await grace.page.goto("/p/garden/e/staging/keys");
  await grace.page.getByLabel("E-mail address").fill(GRACE.email);
  await grace.page.getByLabel("Password").fill(GRACE.password);
  await grace.page.getByRole("button", { name: "Sign in" }).click();
  // Back to where one wanted to go.
  await grace.page.waitForURL("**/p/garden/e/staging/keys");

  await owner.page.goto("/p/garden/e/dev/members");
  await owner.page.getByLabel(`Role of ${GRACE.name} in garden`).selectOption("developer");
  await owner.page.getByText(`${GRACE.name} is developer in garden.`).waitFor();
  await grace.page.reload();
  await grace.page.getByRole("button", { name: "Rotate pair" }).waitFor();

  // A developer's copy options are there, and closed to them with the reason.
  await grace.page.getByRole("button", { name: "Create Environment" }).first().click();
  const form = grace.page.getByRole("dialog", { name: "Create an environment" });
  await form.getByText("Only owners of the project can copy these").waitFor();
  expect(await form.getByLabel("Environment variables").isDisabled()).toBe(true);
  await grace.page.keyboard.press("Escape");

  await owner.page.getByRole("button", { name: `Actions for ${GRACE.name}` }).click();
  await owner.page.getByRole("menuitem", { name: "Remove" }).click();
  await owner.page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
  await owner.page.getByText(`${GRACE.name} is removed.`).waitFor();
  // Their next look at anything leads to the sign-in.
  await grace.page.getByRole("link", { name: "Activity" }).click();
  await grace.page.waitForURL("**/sign-in*");
  expect(grace.complaints).toEqual([]);
  expect(owner.complaints).toEqual([]);
});

test("an invitation that is taken back is dead", async () => {
  const { owner, browser, server } = shared;
  const link = await invite("alan@example.org", "developer");
  await owner.page.getByRole("button", { name: "Take back the invitation of alan@example.org" }).click();
  await owner.page.getByText("The invitation of alan@example.org is taken back.").waitFor();
  const alan = await newPerson(browser, server.url);
  await alan.page.goto(link);
  await alan.page.getByText("This link is no longer valid").waitFor();
});

test("a password link lets one choose a new password", async () => {
  const { owner, browser, server } = shared;
  const link = await invite("edsger@example.org", "admin");
  const edsger = await newPerson(browser, server.url);
  const choose = async (password: string) => {
    await edsger.page.getByLabel("Password", { exact: true }).fill(password);
    await edsger.page.getByLabel("Password again").fill(password);
  };
  await edsger.page.goto(link);
  await edsger.page.getByLabel("Your name").fill("Edsger Dijkstra");
  await choose("considered harmful");
  await edsger.page.getByRole("button", { name: "Join" }).click();
  await edsger.page.waitForURL("**/p/garden/e/*");
  await edsger.context.clearCookies();

  await owner.page.goto("/p/garden/e/dev/members");
  await owner.page.getByRole("button", { name: "Actions for Edsger Dijkstra" }).click();
  await owner.page.getByRole("menuitem", { name: "Make a password link" }).click();
  const shown = owner.page.getByRole("dialog", { name: "Password link for edsger@example.org" });
  const again = (await shown.locator("code").innerText()).trim();
  await shown.getByRole("button", { name: "Done" }).click();
  await edsger.page.goto(again);
  await choose("shortest path first");
  await edsger.page.getByRole("button", { name: "Set password and sign in" }).click();
  await edsger.page.waitForURL("**/p/garden/e/*");
  expect(owner.complaints).toEqual([]);
});

test("somebody who has an account joins another organization with their password", async () => {
  const { browser, server } = shared;
  const { createOrganization } = await server.graphql<{ createOrganization: { organization: { id: string } } }>(
    `mutation { createOrganization(input: { name: "Orchard" }) { organization { id } } }`,
  );
  const { inviteMember } = await server.graphql<{ inviteMember: { link: string } }>(
    `mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { link } }`,
    { input: { organizationId: createOrganization.organization.id, email: "edsger@example.org" } },
  );
  const { page, complaints } = await newPerson(browser, server.url);
  await page.goto(inviteMember.link);
  await page.getByRole("heading", { name: "Join Orchard" }).waitFor();
  await page.getByLabel("Your password").fill("shortest path first");
  await page.getByRole("button", { name: "Join" }).click();
  await page.waitForURL("**/p/garden/e/*");

  // Two organizations: a new project asks for which.
  await page.getByRole("button", { name: /switch project/ }).click();
  await page.getByRole("menuitem", { name: "Create project" }).click();
  await page.getByLabel("Organization").selectOption("Orchard");
  expect(complaints).toEqual([]);
});

test("an owner makes another owner, and hands their own ownership over", async () => {
  const { owner } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/dev/members");
  const row = page.getByRole("listitem").filter({ hasText: "edsger@example.org" });
  const act = async (action: string, button: string) => {
    await page.getByRole("button", { name: "Actions for Edsger Dijkstra" }).click();
    await page.getByRole("menuitem", { name: action }).click();
    await page.getByRole("dialog").getByRole("button", { name: button }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
  };
  await act("Make an owner", "Make an owner");
  await row.getByText("organization owner").waitFor();
  await act("Make a plain member", "Make a plain member");
  await row.getByText("organization owner").waitFor({ state: "detached" });
  await act("Transfer my ownership", "Transfer ownership");
  // One is a plain member now: nobody is invited or removed from here any more.
  await page.getByRole("button", { name: "Invite" }).waitFor({ state: "detached" });
  await row.getByText("organization owner").waitFor();
  expect(owner.complaints).toEqual([]);
});
