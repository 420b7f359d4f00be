import { mkdirSync } from "node:fs";
import { resolve } from "node:path";

import type { Page } from "playwright-core";
import { test } from "vitest";

import { launch, NARROW, newPerson, WIDE } from "./support/browser";
import { startServer, type Server } from "./support/server";
import { branch, branchToTheEnd, createFirstProject, plantPosts, setUp, takeKeys } from "./support/steps";
import { suite } from "./support/suite";

/*
 * The pictures in docs/screenshots, of a throw-away server: `make screenshots`.
 */

const FOLDER = resolve(import.meta.dirname, "../../docs/screenshots");

type Look = { theme?: "light" | "dark"; size?: { width: number; height: number } };

async function shoot(page: Page, name: string, { theme = "light", size = WIDE }: Look = {}): Promise<void> {
  mkdirSync(FOLDER, { recursive: true });
  await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
  await page.setViewportSize(size);
  await page.waitForLoadState("networkidle");
  await page.screenshot({ path: `${FOLDER}/${name}.png` });
  await page.setViewportSize(WIDE);
}

/** A few people, as programs add them. */
async function addPeople(server: Server): Promise<void> {
  const { project } = await server.graphql<{ project: { id: string } }>(`{ project(name: "garden") { id } }`);
  for (const [name, email, role] of [
    ["Grace Hopper", "grace@example.org", "DEVELOPER"],
    ["Alan Turing", "alan@example.org", "VIEWER"],
    ["Deploys", "deploys@example.org", "ADMIN"],
  ] as const) {
    const { addMember } = await server.graphql<{ addMember: { member: { id: string } } }>(
      `mutation ($input: AddMemberInput!) { addMember(input: $input) { member { id } } }`,
      { input: { name, email } },
    );
    await server.graphql(`mutation ($input: SetProjectRoleInput!) { setProjectRole(input: $input) { success } }`, {
      input: { projectId: project.id, memberId: addMember.member.id, role },
    });
  }
}

const shared = suite();

test("of a project with a few environments", async () => {
  const { owner, server, dev } = shared;
  const { page } = owner;
  await plantPosts(server, "garden", dev.secret);
  await addPeople(server);
  await branchToTheEnd(page, "staging");
  await branchToTheEnd(page, "pr-128");
  await page.goto("/p/garden/e/dev");
  await page.getByRole("button", { name: "Create Environment" }).click();
  await page.getByLabel("Name", { exact: true }).fill("production");
  await page.getByLabel(/^System/).check();
  await shoot(page, "create-environment");
  await shoot(page, "create-environment-narrow", { size: NARROW, theme: "dark" });
  await page.getByRole("button", { name: "Branch from dev" }).click();
  await page.getByRole("button", { name: "Show its keys" }).click();
  await page.getByRole("dialog", { name: "Keys of production" }).waitFor();
  await shoot(page, "one-time-keys");
  await takeKeys(page);

  await page.goto("/p/garden/e/staging/environments");
  await page.getByRole("article", { name: "production" }).waitFor();
  await shoot(page, "environments");
  await shoot(page, "environments-dark", { theme: "dark" });
  await shoot(page, "environments-narrow", { size: NARROW });
  await page.goto("/p/garden/e/staging/environments?view=tree");
  await page.getByRole("link", { name: "production" }).first().waitFor();
  await shoot(page, "tree");
  await page.goto("/p/garden/e/staging/keys");
  await page.getByText("Use it").waitFor();
  await shoot(page, "keys-dark", { theme: "dark" });
  await page.goto("/p/garden/e/staging/members");
  await page.getByText("Grace Hopper").first().waitFor();
  await shoot(page, "members");
  await page.goto("/p/garden/e/production");
  await page.getByText("Connect").waitFor();
  await shoot(page, "overview-dark", { theme: "dark" });
});

test("of a branch under way, and of the way in", async () => {
  // It stops before the comparison, so that there is time for a picture.
  const server = await startServer("verify:before-effect:forward:hang");
  const browser = await launch();
  try {
    const { page } = await newPerson(browser, server.url);
    await page.goto(server.setupLink);
    await page.getByLabel("E-mail address").waitFor();
    // Its painting is dear in bytes: a smaller picture.
    await shoot(page, "set-up", { size: { width: 1024, height: 700 } });
    await setUp(page, server);
    await createFirstProject(page, "garden");
    await branch(page, "staging");
    await page.locator("li[data-step=verify][data-status=running]").waitFor();
    await shoot(page, "branching");
  } finally {
    await browser.close();
    await server.stop();
  }
});
