import type { Page } from "playwright-core";

import type { Server } from "./server";

export const OWNER = { email: "ada@example.org", name: "Ada Lovelace", password: "under the glass bell" };

export type Pair = { publishable: string; secret: string };

/** From the printed link to being in, as the first owner. */
export async function setUp(page: Page, server: Server): Promise<void> {
  await page.goto(server.setupLink);
  await page.getByLabel("E-mail address").fill(OWNER.email);
  await page.getByLabel("Your name").fill(OWNER.name);
  await page.getByLabel("Password", { exact: true }).fill(OWNER.password);
  await page.getByLabel("Password again").fill(OWNER.password);
  await page.getByRole("button", { name: "Create owner and continue" }).click();
  await page.getByRole("button", { name: "Create the first project" }).waitFor();
}

/** Makes a project and reads its keys, which are shown once. */
export async function createFirstProject(page: Page, name: string): Promise<Pair> {
  await page.getByRole("button", { name: "Create the first project" }).click();
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("button", { name: "Create project" }).click();
  return takeKeys(page);
}

/** Reads the pair from the one-time dialog and closes it, which needs the promise that it is stored. */
export async function takeKeys(page: Page): Promise<Pair> {
  const dialog = page.getByRole("dialog", { name: /keys of/i });
  await dialog.waitFor();
  const pair = { publishable: await keyIn(page, "pk_"), secret: await keyIn(page, "sk_") };
  await dialog.getByLabel("I have stored the secret key").check();
  await dialog.getByRole("button", { name: "Close", exact: true }).last().click();
  await dialog.waitFor({ state: "detached" });
  return pair;
}

/** The whole text of the key in the open dialog that begins so. */
export async function keyIn(page: Page, start: string): Promise<string> {
  const code = page.getByRole("dialog").locator("code", { hasText: new RegExp(`^${start}`) });
  return (await code.first().innerText()).trim();
}

/** Opens the dialog from the tabs and branches with what it proposes. */
export async function branch(page: Page, name: string): Promise<void> {
  await page.getByRole("button", { name: "Create Environment" }).first().click();
  const dialog = page.getByRole("dialog", { name: "Create an environment" });
  await dialog.getByLabel("Name", { exact: true }).fill(name);
  await dialog.getByRole("button", { name: /^Branch from/ }).click();
}

/** The status of a request with a key, which alone chooses the environment. */
export async function status(server: Server, key: string, path = "/v1/data/posts"): Promise<number> {
  const response = await fetch(server.url + path, { headers: { "x-api-key": key } });
  await response.body?.cancel();
  return response.status;
}

/** A table with some rows, made as a program would make it. */
export async function plantPosts(server: Server, projectName: string, secret: string): Promise<void> {
  const { environment } = await server.graphql<{ environment: { id: string } }>(
    `query ($projectId: String!) { environment(projectId: $projectId, name: "dev") { id } }`,
    { projectId: await projectId(server, projectName) },
  );
  const content = [
    "columns:",
    "  id: { type: integer, primary_key: true }",
    "  title: text",
    "access:",
    "  anon: [read]",
    "",
  ].join("\n");
  await server.graphql(
    `mutation ($input: ApplyDefinitionsInput!) { applyDefinitions(input: $input) { success message } }`,
    { input: { environmentId: environment.id, files: [{ path: "tables/posts.yaml", content }] } },
  );
  await writePosts(server, secret, [1, 2, 3]);
}

export async function writePosts(server: Server, secret: string, ids: number[]): Promise<void> {
  const response = await fetch(`${server.url}/v1/data/posts`, {
    method: "POST",
    headers: { "x-api-key": secret, "content-type": "application/json" },
    body: JSON.stringify(ids.map((id) => ({ id, title: `Post ${id}` }))),
  });
  if (!response.ok) throw new Error(`writing posts: ${response.status} ${await response.text()}`);
}

export async function readPosts(server: Server, key: string): Promise<number[]> {
  const response = await fetch(`${server.url}/v1/data/posts?select=id&order=id`, { headers: { "x-api-key": key } });
  if (!response.ok) throw new Error(`reading posts: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { id: number }[]).map(({ id }) => id);
}

async function projectId(server: Server, name: string): Promise<string> {
  const { project } = await server.graphql<{ project: { id: string } }>(
    `query ($name: String!) { project(name: $name) { id } }`,
    { name },
  );
  return project.id;
}

/** Branches with what the dialog proposes, to the end: the keys of the new environment. */
export async function branchToTheEnd(page: Page, name: string): Promise<Pair> {
  await branch(page, name);
  await page.getByRole("button", { name: "Show its keys" }).click();
  const pair = await takeKeys(page);
  await page.waitForURL(`**/e/${name}`);
  return pair;
}

/** Picks an entry of an environment's menu, on the page of all environments. */
export async function act(page: Page, environment: string, action: string | RegExp): Promise<void> {
  await page.getByRole("button", { name: `Actions for ${environment}` }).click();
  await page.getByRole("menuitem", { name: action }).click();
}
