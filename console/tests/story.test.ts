import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";

import { launch, newPerson } from "./support/browser";
import { startServer, type Server } from "./support/server";
import {
  branch,
  createFirstProject,
  plantPosts,
  readPosts,
  setUp,
  status,
  takeKeys,
  writePosts,
} from "./support/steps";

let server: Server;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer(), launch()]);
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
});

test("with only the printed set-up link one reaches a branched environment", async () => {
  const { page, complaints } = await newPerson(browser, server.url);

  // The link opens the set-up, and its token leaves the address bar.
  await page.goto(server.setupLink);
  await page.getByRole("heading", { name: "Set up Cloche" }).waitFor();
  expect(page.url()).toBe(`${server.url}/setup`);
  await setUp(page, server);

  // The first project shows its keys once.
  const dev = await createFirstProject(page, "garden");
  expect(dev.publishable).toMatch(/^pk_dev_[0-9A-Za-z]+$/);
  expect(dev.secret).toMatch(/^sk_dev_[0-9A-Za-z]+$/);
  await page.waitForURL("**/p/garden/e/dev");
  expect(await page.content()).not.toContain(dev.secret);
  await plantPosts(server, "garden", dev.secret);

  // A branch with its steps as they go, then how it was made, then its keys.
  await branch(page, "staging");
  const progress = page.getByRole("dialog", { name: /staging/ });
  await expect.poll(() => progress.locator("li[data-step]").count()).toBeGreaterThan(4);
  await progress.getByText("staging is active").waitFor();
  expect(await progress.locator("li[data-status=done]").count()).toBe(await progress.locator("li[data-step]").count());
  expect(await progress.innerText()).toMatch(/Took\s+[\d.]+ m?s/);
  expect(await progress.innerText()).toMatch(/Strategy\s+(instant|snapshot)/);
  expect(await progress.innerText()).toMatch(/Chosen because /);
  await progress.getByRole("button", { name: "Show its keys" }).click();
  const staging = await takeKeys(page);

  // One arrives there, and it is another backend: same rows, other keys, writes that stay.
  await page.waitForURL("**/p/garden/e/staging");
  await page.getByRole("heading", { name: "staging", level: 1 }).waitFor();
  expect(new Set([dev.publishable, dev.secret, staging.publishable, staging.secret]).size).toBe(4);
  expect(staging.secret).toMatch(/^sk_stg_/);
  expect(await readPosts(server, staging.publishable)).toEqual([1, 2, 3]);
  await writePosts(server, staging.secret, [4]);
  expect(await readPosts(server, staging.secret)).toEqual([1, 2, 3, 4]);
  expect(await readPosts(server, dev.publishable)).toEqual([1, 2, 3]);
  expect(await status(server, staging.secret.slice(0, -1) + (staging.secret.endsWith("0") ? "1" : "0"))).toBe(401);

  // A deep link survives a reload.
  await page.reload();
  await page.getByRole("heading", { name: "staging", level: 1 }).waitFor();

  // The used link is dead.
  const stranger = await newPerson(browser, server.url);
  await stranger.page.goto(server.setupLink);
  await stranger.page.getByText("This link is no longer valid").waitFor();

  expect(complaints).toEqual([]);
});
