import { afterEach, expect, test } from "vitest";

import { faults } from "./support/axe";
import { newPerson } from "./support/browser";
import { act, branch, branchToTheEnd, takeKeys } from "./support/steps";
import { suite } from "./support/suite";

const shared = suite();

afterEach(() => expect(shared.owner.complaints).toEqual([]));

async function visit(path: string): Promise<void> {
  const { page } = shared.owner;
  await page.goto(path);
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.waitForLoadState("networkidle");
}

test("the pages before one is in are sound", async () => {
  const { browser, server } = shared;
  const { page, complaints } = await newPerson(browser, server.url);
  for (const path of ["/sign-in", "/setup", "/invitation", "/password"]) {
    await page.goto(path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    expect(await faults(page)).toEqual([]);
  }
  expect(complaints).toEqual([]);
});

test("the set-up form is sound, with its mistakes too", async () => {
  const { browser, server } = shared;
  const { page } = await newPerson(browser, server.url);
  const link = {
    kind: "setup",
    email: null,
    name: null,
    organization: null,
    role: null,
    invitedBy: null,
    expiresAt: null,
  };
  await page.route("**/session/link", (route) => route.fulfill({ json: link }));
  await page.goto("/setup#anything");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByLabel("Password again").fill("other");
  await page.getByText("5 more characters").waitFor();
  expect(await faults(page)).toEqual([]);
});

test("pages of a project are sound", async () => {
  const { page } = shared.owner;
  await branchToTheEnd(page, "staging");
  await page.goto("/p/garden/e/staging");
  await branchToTheEnd(page, "a-rather-long-name-for-an-environment-that-somebody-has-given-it");
  for (const path of ["", "/environments", "/environments?view=tree", "/keys", "/members", "/activity"]) {
    await visit(`/p/garden/e/staging${path}`);
    expect(await faults(page)).toEqual([]);
  }
  await page.getByText("Operations").waitFor();
  await page.locator("summary").first().click();
  expect(await faults(page)).toEqual([]);
});

test("pages of oneself, and of nothing, are sound", async () => {
  const { page } = shared.owner;
  for (const path of ["/account", "/account/sessions", "/account/tokens", "/p/garden/e/gone", "/p/gone"]) {
    await visit(path);
    expect(await faults(page)).toEqual([]);
  }
});

test("the dialogs that make environments and projects are sound", async () => {
  const { page } = shared.owner;
  await visit("/p/garden/e/staging/environments");
  await page.getByRole("main").getByRole("button", { name: "Create Environment" }).click();
  await page.getByLabel("Name", { exact: true }).fill("no good");
  await page.getByText("Advanced").click();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");

  await branch(page, "preview");
  await page.getByText("preview is active").waitFor();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("button", { name: "Show its keys" }).click();
  await page.getByRole("dialog", { name: "Keys of preview" }).waitFor();
  expect(await faults(page)).toEqual([]);
  await takeKeys(page);

  await page.getByRole("button", { name: /switch project/ }).click();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("menuitem", { name: "Create project" }).click();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  await page.getByRole("option").first().waitFor();
  expect(await faults(page)).toEqual([]);
});

test("the menu of an environment and its dialogs are sound", async () => {
  const { page } = shared.owner;
  await visit("/p/garden/e/preview/environments");
  await page.getByRole("button", { name: "Actions for preview" }).click();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");
  for (const action of ["Rename", "Pause", "Set lease", "Protect", "Delete"]) {
    await act(page, "preview", action);
    await page.getByRole("dialog").waitFor();
    expect(await faults(page)).toEqual([]);
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  }
  await act(page, "staging", "Delete");
  await page.getByText("staging cannot be deleted yet").waitFor();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");

  // With one deleted, and the toast that says so.
  await act(page, "preview", "Delete");
  await page.getByRole("dialog").getByRole("textbox").fill("preview");
  await page.getByRole("button", { name: "Delete environment" }).click();
  await page.getByRole("region", { name: "Deleted" }).waitFor();
  expect(await faults(page)).toEqual([]);
});

test("the dialogs of keys are sound", async () => {
  const { page } = shared.owner;
  await visit("/p/garden/e/staging/keys");
  await page.getByRole("button", { name: "Create key" }).click();
  // With a refusal of the server in it.
  await page.getByLabel("Name", { exact: true }).fill("importer");
  await page.getByLabel("Scopes of single tables").fill("posts");
  await page.getByRole("dialog").getByRole("button", { name: "Create key" }).click();
  await page.getByRole("alert").getByText("key/scope-unknown").waitFor();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Rotate pair" }).click();
  await page.getByLabel(/^Stops later/).check();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Revoke default" }).first().click();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("button", { name: "Revoke key" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  expect(await faults(page)).toEqual([]);
});

test("the dialogs of people are sound", async () => {
  const { page } = shared.owner;
  await visit("/p/garden/e/staging/members");
  await page.getByRole("button", { name: "Invite" }).click();
  await page.getByLabel("E-mail address").fill("grace@example.org");
  expect(await faults(page)).toEqual([]);
  await page.getByRole("button", { name: "Make invitation" }).click();
  await page.getByRole("dialog", { name: "Invitation for grace@example.org" }).waitFor();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("button", { name: "Done" }).click();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("button", { name: "Actions for Ada Lovelace" }).click();
  await page.getByRole("menuitem", { name: "Leave the organization" }).click();
  expect(await faults(page)).toEqual([]);
  await page.keyboard.press("Escape");

  await visit("/account/tokens");
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("laptop");
  expect(await faults(page)).toEqual([]);
  await page.getByRole("dialog").getByRole("button", { name: "Create token" }).click();
  await page.getByRole("dialog", { name: "Your new token" }).waitFor();
  expect(await faults(page)).toEqual([]);
});

test("a chosen theme stays, without the system's", async () => {
  const { page } = shared.owner;
  await visit("/p/garden/e/dev");
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await page.getByRole("button", { name: "Account and theme" }).click();
  expect(await faults(page)).toEqual([]);
  await page.getByRole("menuitemradio", { name: "Dark" }).click();
  const dark = await background();
  expect(dark).not.toBe(light);
  await page.reload();
  expect(await background()).toBe(dark);
});
