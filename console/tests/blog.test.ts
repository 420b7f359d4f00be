import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { faults } from "./support/axe";
import { launch, newPerson } from "./support/browser";
import { startServer, type Server } from "./support/server";

const BLOG = resolve(import.meta.dirname, "../../examples/blog");
const READER = { email: "rita@example.com", password: "correct horse battery", name: "Rita" };

type Preview = { resolvedUrls: { local: string[] }; close: () => Promise<void> };
type Vite = { build: (config: object) => Promise<unknown>; preview: (config: object) => Promise<Preview> };

let server: Server;
let browser: Browser;
let page: Preview;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
  const publishable = await blog();
  // As the example's own scripts do it, with its own vite.
  const root = join(BLOG, "web");
  const vite = (await import(createRequire(join(root, "package.json")).resolve("vite"))) as Vite;
  process.env["VITE_CLOCHE_KEY"] = publishable;
  process.env["CLOCHE_URL"] = server.url;
  const outDir = "node_modules/.test";
  await vite.build({ root, logLevel: "warn", build: { outDir } });
  page = await vite.preview({ root, build: { outDir }, preview: { host: "127.0.0.1", port: 0, strictPort: true } });
});

afterAll(async () => {
  await page?.close();
  await browser?.close();
  await server?.stop();
});

test("a reader signs up, comments, signs out, and signs in again", async () => {
  const url = page.resolvedUrls.local[0] ?? "";
  const rita = await newPerson(browser, url);
  const posts = rita.page.getByRole("main", { name: "Posts" });
  await rita.page.goto("/");
  // The draft is not shown; the newest is first.
  await posts.getByRole("heading", { level: 2 }).first().waitFor();
  expect(await posts.getByRole("heading", { level: 2 }).allInnerTexts()).toEqual(["Second", "First"]);
  const first = rita.page.getByRole("article", { name: "First" });
  expect(await first.innerText()).toContain("Ada");
  expect(await first.getByRole("listitem").allInnerTexts()).toEqual(["Cy Well said."]);
  expect(await rita.page.getByRole("button", { name: "Comment" }).count()).toBe(0);
  expect(await faults(rita.page)).toEqual([]);

  await rita.page.getByLabel("E-mail").fill(READER.email);
  await rita.page.getByLabel("Password").fill(READER.password);
  await rita.page.getByLabel("Name").fill(READER.name);
  await rita.page.getByRole("button", { name: "Sign up" }).click();
  await rita.page.getByText(READER.name, { exact: true }).waitFor();
  await first.getByLabel("Your comment on First").fill("Thank you <b>all</b>.");
  await first.getByRole("button", { name: "Comment" }).click();
  await first.getByText("Thank you <b>all</b>.").waitFor();
  expect(await first.getByRole("listitem").allInnerTexts()).toEqual(["Cy Well said.", "Rita Thank you <b>all</b>."]);
  expect(await first.getByRole("heading", { level: 3 }).innerText()).toBe("2 comments");
  expect(await faults(rita.page)).toEqual([]);

  // Another visit finds them signed in still.
  await rita.page.reload();
  await first.getByRole("button", { name: "Comment" }).waitFor();
  await rita.page.getByRole("button", { name: "Sign out" }).click();
  await rita.page.getByLabel("E-mail").fill(READER.email);
  await rita.page.getByLabel("Password").fill("something else");
  expect(rita.complaints).toEqual([]);
  await rita.page.getByRole("button", { name: "Sign in" }).click();
  await rita.page.getByRole("status").filter({ hasText: /./ }).waitFor();
  await rita.page.getByLabel("Password").fill(READER.password);
  await rita.page.getByRole("button", { name: "Sign in" }).click();
  await first.getByRole("button", { name: "Comment" }).waitFor();
  expect(await rita.page.getByRole("status").innerText()).toBe("");
  await rita.context.close();
});

/** A project with the example's tables and a few records; its publishable key. */
async function blog(): Promise<string> {
  const { createProject } = await server.graphql<{
    createProject: { environment: { id: string }; keys: { publishable: string; secret: string } };
  }>(`mutation { createProject(input: { name: "blog" }) { environment { id } keys { publishable secret } } }`);
  const { environment, keys } = createProject;
  const files = ["enums", "tables", "roles"].flatMap((kind) => definitions(kind));
  const { applyDefinitions } = await server.graphql<{ applyDefinitions: { success: boolean; message: string } }>(
    `mutation ($id: ID!, $files: [DefinitionFileInput!]!) {
       applyDefinitions(input: { environmentId: $id, files: $files }) { success message } }`,
    { id: environment.id, files },
  );
  expect(applyDefinitions.success, applyDefinitions.message).toBe(true);
  const [ada] = await records(keys.secret, "authors", [{ handle: "ada", name: "Ada" }]);
  const post = (slug: string, status: string, day: string | null) => {
    const title = slug[0]?.toUpperCase() + slug.slice(1);
    return { slug, title, body: `The ${slug}.`, status, author_id: ada?.["id"], published_at: day };
  };
  const [first] = await records(keys.secret, "posts", [
    post("first", "published", "2026-01-01T12:00:00Z"),
    post("second", "published", "2026-02-01T12:00:00Z"),
    post("third", "draft", null),
  ]);
  await records(keys.secret, "comments", [{ post_id: first?.["id"], author_name: "Cy", body: "Well said." }]);
  return keys.publishable;
}

function definitions(kind: string): { path: string; content: string }[] {
  const folder = join(BLOG, kind);
  const names = readdirSync(BLOG).includes(kind) ? readdirSync(folder) : [];
  return names.map((name) => ({ path: `${kind}/${name}`, content: readFileSync(join(folder, name), "utf8") }));
}

async function records(key: string, table: string, rows: object[]): Promise<Record<string, unknown>[]> {
  const answer = await fetch(`${server.url}/v1/data/${table}`, {
    method: "POST",
    headers: { "x-api-key": key, "content-type": "application/json", prefer: "return=representation" },
    body: JSON.stringify(rows),
  });
  expect(answer.status).toBe(201);
  return (await answer.json()) as Record<string, unknown>[];
}
