import { expect, test } from "vitest";

import { newPerson } from "./support/browser";
import { OWNER, takeKeys } from "./support/steps";
import { suite } from "./support/suite";

const shared = suite();

test("a session that has ended leads to the sign-in and back to where one was", async () => {
  const { owner } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/dev/environments?view=tree");
  await page.getByRole("link", { name: "dev" }).first().waitFor();
  await owner.context.clearCookies();
  await page.getByRole("link", { name: "API keys" }).click();
  await page.getByText("Your session has ended").waitFor();
  await page.getByLabel("E-mail address").fill(OWNER.email);
  await page.getByLabel("Password").fill(OWNER.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL("**/p/garden/e/dev/keys");
  expect(owner.complaints).toEqual([]);
});

test("a wrong password is told with its code, and nothing leads to another site", async () => {
  const { browser, server } = shared;
  const { page } = await newPerson(browser, server.url);
  await page.goto("/sign-in?to=https%3A%2F%2Felsewhere.example%2F");
  await page.getByLabel("E-mail address").fill(OWNER.email);
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  expect(await page.getByRole("alert").innerText()).toContain("session/invalid");
  await page.getByLabel("Password").fill(OWNER.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(`${server.url}/p/garden/e/dev`);
});

test("where the password is wanted again, it is asked for and the call is repeated", async () => {
  const { owner } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/dev/keys");
  let refused = 0;
  // As the server answers ten minutes after the sign-in.
  await page.route("**/graphql", async (route) => {
    if (refused > 0 || !route.request().postData()?.includes("RotateApiKeys")) return route.fallback();
    refused += 1;
    const errors = [{ message: "Give your password again.", extensions: { code: "session/reauthenticate" } }];
    await route.fulfill({ json: { data: null, errors } });
  });
  await page.getByRole("button", { name: "Rotate pair" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rotate pair" }).click();
  const dialog = page.getByRole("dialog", { name: "Confirm that it is you" });
  await dialog.getByLabel("Password").fill("something else");
  await dialog.getByRole("button", { name: "Confirm" }).click();
  await dialog.getByRole("alert").waitFor();
  await dialog.getByLabel("Password").fill(OWNER.password);
  await dialog.getByRole("button", { name: "Confirm" }).click();
  await takeKeys(page);
  expect(refused).toBe(1);
  await page.unroute("**/graphql");
});

test("a tab goes on in the session that another tab has begun", async () => {
  const { owner } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/dev/environments");
  await page.getByRole("article", { name: "dev" }).waitFor();
  const second = await owner.context.newPage();
  await second.goto("/sign-in");
  await second.getByLabel("E-mail address").fill(OWNER.email);
  await second.getByLabel("Password").fill(OWNER.password);
  await second.getByRole("button", { name: "Sign in" }).click();
  await second.waitForURL("**/p/garden/e/dev");
  await second.close();
  await page.getByRole("link", { name: "Activity" }).click();
  await page.getByText("project.create").waitFor();
});

test("one changes name and password, makes a token, ends another session, and signs out", async () => {
  const { owner, browser, server } = shared;
  const { page } = owner;
  const elsewhere = await newPerson(browser, server.url);
  await elsewhere.page.goto("/sign-in");
  await elsewhere.page.getByLabel("E-mail address").fill(OWNER.email);
  await elsewhere.page.getByLabel("Password").fill(OWNER.password);
  await elsewhere.page.getByRole("button", { name: "Sign in" }).click();
  await elsewhere.page.waitForURL("**/p/garden/e/dev");

  await page.goto("/account/sessions");
  await page.getByText("this one").waitFor();
  const other = page.getByRole("button", { name: /^End the session/ }).first();
  await other.click();
  await page.getByText("The session has ended.").waitFor();

  await page.goto("/account/tokens");
  await page.getByRole("button", { name: "Create token" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("laptop");
  await page.getByRole("dialog").getByRole("button", { name: "Create token" }).click();
  const shown = page.getByRole("dialog", { name: "Your new token" });
  const token = (await shown.locator("code").innerText()).trim();
  expect(token).toMatch(/^pat_/);
  await shown.getByLabel("I have stored the token").check();
  await shown.getByRole("button", { name: "Close", exact: true }).last().click();
  const asked = await fetch(`${server.url}/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ query: "{ viewer { email } }" }),
  });
  expect(await asked.text()).toContain(OWNER.email);

  await page.goto("/account");
  await page.getByLabel("Name").fill("Countess Lovelace");
  await page.getByRole("button", { name: "Save name" }).click();
  await page.getByText("Your name is changed.").waitFor();
  await page.getByLabel("Current password").fill(OWNER.password);
  await page.getByRole("textbox", { name: "Password", exact: true }).fill("a new one, much longer");
  await page.getByLabel("Password again").fill("a new one, much longer");
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("Your password is changed.").waitFor();

  await page.getByRole("button", { name: "Account and theme" }).click();
  await page.getByText("Countess Lovelace").waitFor();
  await page.getByRole("menuitem", { name: "Sign out" }).click();
  await page.waitForURL("**/sign-in");
  await page.goto("/p/garden/e/dev");
  await page.waitForURL("**/sign-in?to=*");
});
