import { expect, test } from "vitest";

import { branch } from "./support/steps";
import { suite } from "./support/suite";

const shared = suite("verify:before-effect:forward:error");

test("a branch that fails shows the reason and what was undone, and leads back to the form", async () => {
  const { owner } = shared;
  const { page } = owner;
  await branch(page, "staging");
  const dialog = page.getByRole("dialog", { name: "staging was not created" });
  await dialog.getByText("Everything that was done has been undone").waitFor();
  expect(await dialog.locator("li[data-status=undone]").count()).toBeGreaterThan(1);
  expect(await dialog.getByRole("alert").innerText()).toMatch(/[a-z]+\/[a-z-]+/);
  await dialog.getByRole("button", { name: "Back to the form" }).click();
  await page.getByRole("dialog", { name: "Create an environment" }).waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => page.getByRole("link", { name: "staging" }).count()).toBe(0);
});
