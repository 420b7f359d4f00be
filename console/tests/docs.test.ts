import { createServer, type Server as Site } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, expect, test } from "vitest";

import { faults } from "./support/axe";
import { newPerson } from "./support/browser";
import { suite } from "./support/suite";

const shared = suite();
/** A page of somebody else's, at another origin. */
let site: Site;
let origin: string;

const TABLE = `access: { anon: [read, create] }
columns:
  id: { type: bigint, primary_key: true, identity: true }
  body: text
`;

beforeAll(async () => {
  const { environmentTree } = await shared.server.graphql<{ environmentTree: { environment: { id: string } }[] }>(
    `query($p: String!) { environmentTree(projectId: $p) { environment { id } } }`,
    { p: await projectId() },
  );
  const environmentId = environmentTree[0]?.environment.id;
  const applied = await shared.server.graphql<{ applyDefinitions: { success: boolean; message: string } }>(
    `mutation($input: ApplyDefinitionsInput!) { applyDefinitions(input: $input) { success message errors { message } } }`,
    { input: { environmentId, files: [{ path: "tables/notes.yaml", content: TABLE }] } },
  );
  expect(applied.applyDefinitions).toMatchObject({ success: true });
  site = createServer((_, response) => response.setHeader("content-type", "text/html").end("<title>Theirs</title>"));
  await new Promise<void>((done) => site.listen(0, "127.0.0.1", done));
  origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;
  await shared.server.graphql(
    `mutation($input: UpdateEnvironmentSettingsInput!) { updateEnvironmentSettings(input: $input) { success } }`,
    { input: { environmentId, corsOrigins: [origin] } },
  );
});

afterAll(() => site?.close());

async function projectId(): Promise<string> {
  const { projects } = await shared.server.graphql<{ projects: { nodes: { id: string }[] } }>(
    `{ projects { nodes { id } } }`,
  );
  return projects.nodes[0]?.id ?? "";
}

test("the page shows what a key may do, and does it", async () => {
  const { browser, server, dev } = shared;
  const { page, complaints } = await newPerson(browser, server.url);
  await page.goto("/v1/docs");
  expect(await faults(page)).toEqual([]);
  await page.getByLabel("API key").fill(dev.publishable);
  await page.getByRole("button", { name: "Show" }).click();
  const notes = page.getByRole("region", { name: "notes" });
  await notes.getByText("Make notes").click();
  await notes.getByRole("textbox", { name: "Prefer (header)" }).fill("return=representation");
  await notes.getByRole("textbox", { name: "Body", exact: true }).fill('{"body": "from the page"}');
  await notes.getByRole("button", { name: "Send" }).click();
  await notes.getByText("201", { exact: true }).waitFor();
  expect(await notes.getByLabel("Answer", { exact: true }).innerText()).toContain("from the page");
  expect(await faults(page)).toEqual([]);
  // It forgets the key with the page.
  expect(await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]))).not.toContain("pk_");
  expect(complaints).toEqual([]);
});

test("a browser lets pages of the environment's origins call, and no others", async () => {
  const { browser, server, dev } = shared;
  const call = async (from: string) => {
    const { page } = await newPerson(browser, from);
    await page.goto("/");
    return page.evaluate(
      async ([url, key]) => {
        try {
          const headers = { "content-type": "application/json", apikey: key ?? "", prefer: "return=representation" };
          const response = await fetch(`${url}/rest/v1/notes`, { method: "POST", headers, body: '{"body": "x"}' });
          return `${response.status} ${response.headers.has("x-request-id")}`;
        } catch {
          return "kept out";
        }
      },
      [server.url, dev.publishable],
    );
  };
  expect(await call(origin)).toBe("201 true");
  expect(await call(origin.replace("127.0.0.1", "localhost"))).toBe("kept out");
});
