import { expect, test } from "vitest";

import { keyIn, status, takeKeys } from "./support/steps";
import { suite } from "./support/suite";

/** A key that is accepted is told that there is no such table; one that is not gets no further. */
const ACCEPTED = 404;
const REFUSED = 401;

const shared = suite();

test("a further key works within its scopes, is told apart, and is dead once revoked", async () => {
  const { owner, server } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/dev/keys");
  await page.getByRole("button", { name: "Create key" }).click();
  const dialog = page.getByRole("dialog", { name: "Create a key for dev" });
  await dialog.getByLabel("Name").fill("importer");
  await dialog.getByLabel("Read data").check();
  await dialog.getByLabel("Expires").selectOption("30d");
  await dialog.getByRole("button", { name: "Create key" }).click();

  const shown = page.getByRole("dialog", { name: /importer/ });
  const secret = await keyIn(page, "sk_");
  // It closes by nothing but the promise that the key is stored.
  await page.keyboard.press("Escape");
  await page.mouse.click(5, 5);
  expect(await shown.isVisible()).toBe(true);
  expect(await shown.getByRole("button", { name: "Close" }).isDisabled()).toBe(true);
  await shown.getByLabel("I have stored the secret key").check();
  await shown.getByRole("button", { name: "Close", exact: true }).last().click();
  expect(await status(server, secret)).toBe(ACCEPTED);

  const row = page.getByRole("row", { name: /importer/ });
  expect(await row.innerText()).toContain("data:read");
  expect(await row.innerText()).toContain(secret.slice(0, 12));
  await row.getByRole("button", { name: "Revoke importer" }).click();
  await page.getByRole("button", { name: "Revoke key" }).click();
  await row.getByText("revoked", { exact: true }).first().waitFor();
  expect(await status(server, secret)).toBe(REFUSED);
  expect(owner.complaints).toEqual([]);
});

test("the publishable key can be read again", async () => {
  const { page } = shared.owner;
  await page.goto("/p/garden/e/dev/keys");
  await page.getByRole("button", { name: "Show the publishable key default" }).click();
  expect(await keyIn(page, "pk_")).toBe(shared.dev.publishable);
  await page.getByRole("dialog").getByRole("button", { name: "Close" }).first().click();
});

test("rotating ends the old pair at once", async () => {
  const { owner, server, dev } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/dev/keys");
  await page.getByRole("button", { name: "Rotate pair" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate pair" }).click();
  const next = await takeKeys(page);
  expect(await status(server, dev.secret)).toBe(REFUSED);
  expect(await status(server, dev.publishable)).toBe(REFUSED);
  expect(await status(server, next.secret)).toBe(ACCEPTED);
  shared.dev = next;
  expect(owner.complaints).toEqual([]);
});

test("with an overlap both pairs work, and the other keys in force are named", async () => {
  const { owner, server, dev } = shared;
  const { page } = owner;
  await page.getByRole("button", { name: "Create key" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("website");
  await page
    .getByRole("dialog")
    .getByLabel(/^Publishable/)
    .check();
  await page.getByRole("dialog").getByRole("button", { name: "Create key" }).click();
  await page
    .getByRole("dialog", { name: /website/ })
    .getByRole("button", { name: "Close" })
    .first()
    .click();

  await page.getByRole("button", { name: "Rotate pair" }).click();
  const dialog = page.getByRole("dialog", { name: /Rotate/ });
  await dialog.getByText("One other key stays in force").waitFor();
  await dialog.getByLabel(/^Stops later/).check();
  await dialog.getByLabel("Both work for").selectOption("15m");
  await dialog.getByRole("button", { name: "Rotate pair" }).click();
  await page
    .getByRole("dialog", { name: /New keys of dev/ })
    .getByText("website")
    .waitFor();
  const next = await takeKeys(page);
  expect(await status(server, dev.secret)).toBe(ACCEPTED);
  expect(await status(server, next.secret)).toBe(ACCEPTED);
  expect(owner.complaints).toEqual([]);
});
