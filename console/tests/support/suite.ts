import type { Browser } from "playwright-core";
import { afterAll, beforeAll } from "vitest";

import { launch, newPerson, type Person } from "./browser";
import { startServer, type Server } from "./server";
import { createFirstProject, setUp, type Pair } from "./steps";

/** What the tests of one file share: a server, a browser, and its owner in the project `garden`. */
export type Suite = { server: Server; browser: Browser; owner: Person; dev: Pair };

/** Starts it all before the file's tests and ends it after them. */
export function suite(faults?: string): Suite {
  const shared = {} as Suite;
  beforeAll(async () => {
    [shared.server, shared.browser] = await Promise.all([startServer(faults), launch()]);
    shared.owner = await newPerson(shared.browser, shared.server.url);
    await setUp(shared.owner.page, shared.server);
    shared.dev = await createFirstProject(shared.owner.page, "garden");
    await shared.owner.page.waitForURL("**/p/garden/e/dev");
  });
  afterAll(async () => {
    await shared.browser?.close();
    await shared.server?.stop();
  });
  return shared;
}
