import { afterAll, beforeAll, expect, test } from "vitest";

import { startServer, type Server } from "./support/server";

let server: Server;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server?.stop());

const get = (path: string, init?: RequestInit) => fetch(server.url + path, init);

test("every path of the console answers its page, under the strict policy", async () => {
  for (const path of [
    "/",
    "/setup",
    "/sign-in",
    "/invitation",
    "/password",
    "/p/garden/e/dev/keys",
    "/account/tokens",
  ]) {
    const response = await get(path);
    expect(response.status, path).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-cache");
    expect(response.headers.get("content-security-policy")).toContain("require-trusted-types-for 'script'");
    expect(response.headers.get("content-security-policy")).not.toContain("unsafe");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
    expect(response.headers.get("cross-origin-opener-policy")).toBe("same-origin");
    expect(await response.text()).not.toMatch(/<style|<script(?![^>]* src=)|https?:/);
  }
});

test("its files are kept for good, its page is asked for each time, and both are small on the way", async () => {
  const page = await get("/");
  const again = await get("/", { headers: { "if-none-match": page.headers.get("etag") ?? "" } });
  expect(again.status).toBe(304);
  const script = /src="(\/assets\/[^"]+\.js)"/.exec(await page.text())?.[1] ?? "";
  const file = await get(script, { headers: { "accept-encoding": "br" } });
  expect(file.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
  expect(file.headers.get("content-encoding")).toBe("br");
  expect(Number(file.headers.get("content-length"))).toBeLessThan(200_000);
});

test("the other planes keep their own answers", async () => {
  for (const path of ["/v1/nothing", "/graphql", "/session/nothing", "/assets/gone.js", "/index.html", "/projects"]) {
    const response = await get(path, { headers: { accept: "text/html" } });
    expect(response.status, path).toBeGreaterThanOrEqual(404);
    expect(response.headers.get("content-type"), path).toBe("application/problem+json");
  }
  expect((await get("/healthz")).headers.get("content-type")).not.toContain("html");
  expect((await get("/p/garden", { method: "POST" })).status).toBe(405);
});
