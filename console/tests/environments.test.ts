import { expect, test } from "vitest";

import { act, branchToTheEnd, status, takeKeys } from "./support/steps";
import { suite } from "./support/suite";

// Copying takes long enough to be looked at.
const shared = suite("clone_database:before-effect:forward:wait");

test("a delete needs the typed name, kills the keys, and can be taken back", async () => {
  const { owner, server } = shared;
  const { page } = owner;
  const preview = await branchToTheEnd(page, "preview");
  await page.goto("/p/garden/e/preview/environments");
  await act(page, "preview", "Delete");
  const dialog = page.getByRole("dialog", { name: "Delete preview?" });
  const button = dialog.getByRole("button", { name: "Delete environment" });
  expect(await dialog.innerText()).toContain("24 hours");
  expect(await button.isDisabled()).toBe(true);
  await dialog.getByRole("textbox").fill("previe");
  expect(await button.isDisabled()).toBe(true);
  await dialog.getByRole("textbox").fill("preview");
  await button.click();
  // The page was about it, so one is led to the root.
  await page.waitForURL("**/p/garden/e/dev/environments");
  expect(await status(server, preview.secret)).toBe(401);

  const deleted = page.getByRole("region", { name: "Deleted" });
  expect(await deleted.innerText()).toMatch(/erased on \d+/);
  await deleted.getByRole("button", { name: "Restore preview" }).click();
  const restored = await takeKeys(page);
  expect(restored.secret).not.toBe(preview.secret);
  expect(await status(server, restored.secret)).toBe(404);
  expect(await status(server, preview.secret)).toBe(401);
  await page.getByRole("article", { name: "preview" }).waitFor();
  await deleted.waitFor({ state: "detached" });
  expect(owner.complaints).toEqual([]);
});

test("an environment with children is not deleted: they are listed", async () => {
  const { owner } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/preview");
  await branchToTheEnd(page, "child");
  await page.goto("/p/garden/e/dev/environments?view=tree");
  await act(page, "preview", "Delete");
  const dialog = page.getByRole("dialog", { name: "preview cannot be deleted yet" });
  expect(await dialog.getByRole("listitem").innerText()).toContain("child");
  await page.keyboard.press("Escape");
  await act(page, "child", "Delete");
  const erase = page.getByRole("dialog", { name: "Delete child?" });
  await erase.getByLabel("Erase its bytes at once").check();
  expect(await erase.innerText()).toContain("Nothing can bring it back");
  await erase.getByRole("textbox").fill("child");
  await erase.getByRole("button", { name: "Delete and erase now" }).click();
  await erase.waitFor({ state: "detached" });
  await expect.poll(() => page.getByRole("link", { name: "child" }).count()).toBe(0);
  expect(await page.getByRole("region", { name: "Deleted" }).count()).toBe(0);
  expect(owner.complaints).toEqual([]);
});

test("renaming, pausing, resuming, protecting and leasing are told on the card", async () => {
  const { owner, server } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/preview/environments");
  const card = page.getByRole("article", { name: "pr-7" });

  await act(page, "preview", "Rename");
  const rename = page.getByRole("dialog", { name: "Rename preview" });
  await rename.getByRole("textbox").fill("DEV");
  await rename.getByText("There is an environment named dev already.").waitFor();
  await rename.getByRole("textbox").fill("pr 7");
  await rename.getByText("a space is not one of them").waitFor();
  await rename.getByRole("textbox").fill("pr-7");
  await rename.getByRole("button", { name: "Rename" }).click();
  await page.waitForURL("**/p/garden/e/pr-7/environments");
  await card.waitFor();

  await act(page, "pr-7", "Pause");
  await page.getByRole("dialog").getByRole("button", { name: "Pause" }).click();
  await card.getByText("paused").waitFor();
  await act(page, "pr-7", "Resume");
  await page.getByRole("dialog").getByRole("button", { name: "Resume" }).click();
  await card.getByText("active").waitFor();

  await act(page, "pr-7", "Set lease");
  await page.getByRole("dialog").getByLabel("From now").selectOption("2h");
  await page.getByRole("dialog").getByRole("button", { name: "Set lease" }).click();
  await card.getByText(/ends in (an|1) hour|ends in 2 hours/).waitFor();
  await act(page, "pr-7", "Renew lease");
  await page.getByRole("dialog").getByLabel("From now").selectOption("");
  await page.getByRole("dialog").getByRole("button", { name: "Remove lease" }).click();
  await card.getByText("none, lives until deleted").waitFor();

  await act(page, "pr-7", "Protect");
  await page.getByRole("dialog").getByRole("button", { name: "Protect" }).click();
  await card.getByText("protected").waitFor();
  expect(owner.complaints).toEqual([]);
  expect(server.url).toContain("127.0.0.1");
});

test("an empty environment and one with all copies are made, and a card shows every field", async () => {
  const { owner } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/dev/environments");
  await page.getByRole("main").getByRole("button", { name: "Create Environment" }).click();
  const dialog = page.getByRole("dialog", { name: "Create an environment" });
  await dialog.getByLabel("Name").fill("eval");
  await dialog.getByLabel("Branch from").selectOption("");
  await dialog.getByRole("button", { name: "Create empty" }).click();
  await page.getByRole("button", { name: "Show its keys" }).click();
  await takeKeys(page);
  await page.waitForURL("**/e/eval");

  await page.goto("/p/garden/e/dev/environments");
  await page.getByRole("main").getByRole("button", { name: "Create Environment" }).click();
  await dialog.getByLabel("Name").fill("schema-only");
  await dialog.getByLabel(/^System/).check();
  for (const copy of [
    "File storage providers",
    "Gateway routes and webhooks",
    "Security settings",
    "Environment variables",
  ]) {
    await dialog.getByLabel(copy).check();
  }
  await dialog.getByLabel("Type").selectOption("staging");
  await dialog.getByLabel("Lease").selectOption("7d");
  await dialog.getByText("Advanced").click();
  await dialog.getByLabel("How the database is copied").selectOption("SNAPSHOT");
  await dialog.getByRole("button", { name: "Branch from dev" }).click();
  // It is seen under way, with steps done before and to do after.
  await page
    .locator("li[data-status=done] ~ li[data-step=clone_database][data-status=running] ~ li[data-status=pending]")
    .first()
    .waitFor();
  await page.getByText("schema-only is active").waitFor();
  expect(await page.getByRole("dialog").innerText()).toMatch(/Strategy\s+snapshot/);
  await page.getByRole("button", { name: "Show its keys" }).click();
  await takeKeys(page);
  await page.waitForURL("**/e/schema-only");

  await page.goto("/p/garden/e/dev/environments");
  const card = await page.getByRole("article", { name: "schema-only" }).innerText();
  for (const field of [
    "Provider",
    "Region",
    "Cluster",
    "Parent",
    "Branch mode",
    "Branched at",
    "Lease",
    "Created",
    "Changed",
    "Id",
  ]) {
    expect(card).toContain(`${field}\n`);
  }
  expect(card).toContain("system");
  expect(await page.getByRole("article", { name: "dev" }).innerText()).not.toContain("Cluster");
  expect(owner.complaints).toEqual([]);
});
