import { describe, expect, test } from "vitest";

import { inForce, sortKeys, type ApiKey } from "@/api/keys";
import { isPending } from "@/api/members";
import { describeBrowser } from "@/lib/browser";
import { typeOfName } from "@/lib/environment-type";
import { nameProblem } from "@/lib/name";
import { passwordProblem } from "@/lib/password";
import { atLeast, mayChange, mayDelete } from "@/lib/role";
import { between, duration, relative } from "@/lib/time";
import { treeRows } from "@/lib/tree";
import { toBranchInput, type Wish } from "@/pages/environments/wish";

const NOW = Date.parse("2026-11-21T12:00:00Z");

describe("names", () => {
  test("are told what is wrong with them as the server would", () => {
    expect(nameProblem("pr-12_B", ["dev"])).toBeNull();
    expect(nameProblem("", [])).toBeNull();
    expect(nameProblem("a b")).toContain("a space");
    expect(nameProblem("größe")).toContain("“ö”");
    expect(nameProblem("a".repeat(64))).toBeNull();
    expect(nameProblem("a".repeat(65))).toContain("65");
    expect(nameProblem("DEV", ["dev"])).toBe("There is an environment named dev already.");
  });

  test("give the type by the exact name", () => {
    expect(["production", "prod", "development", "eval", "staging2", "Staging"].map(typeOfName)).toEqual([
      "prod",
      "prod",
      "dev",
      "eval",
      "custom",
      "custom",
    ]);
  });
});

test("passwords keep the server's rules", () => {
  expect(passwordProblem("", "a@b.example")).toBeNull();
  expect(passwordProblem("123456789", "a@b.example")).toContain("1 more character:");
  expect(passwordProblem("1234567890", "a@b.example")).toBeNull();
  expect(passwordProblem("A@long.example", "a@LONG.example")).toContain("no password");
  expect(passwordProblem("x".repeat(257), "")).toContain("256");
});

test("roles open no more than the server does", () => {
  const plain = { holdsProductionData: false, protected: false };
  const production = { holdsProductionData: true, protected: true };
  expect(atLeast("somebody", "viewer")).toBe(false);
  expect(["viewer", "developer", "admin", "owner"].map((role) => mayChange(role, plain))).toEqual([
    false,
    true,
    true,
    true,
  ]);
  expect(["viewer", "developer", "admin", "owner"].map((role) => mayChange(role, production))).toEqual([
    false,
    false,
    true,
    true,
  ]);
  expect(["admin", "owner"].map((role) => mayDelete(role, production))).toEqual([false, true]);
});

test("times are told as people say them", () => {
  const at = (text: string) => relative(text, NOW);
  expect(at("2026-11-21T11:59:30Z")).toBe("just now");
  expect(at("2026-11-21T11:57:00Z")).toBe("3 minutes ago");
  expect(at("2026-11-20T11:00:00Z")).toBe("yesterday");
  expect(at("2026-11-21T14:30:00Z")).toBe("in 2 hours");
  expect([0.4, 31.6, 1449, 125_400].map(duration)).toEqual(["0 ms", "32 ms", "1.4 s", "2 min 5 s"]);
  expect(between("2026-11-21T11:59:00Z", null, NOW)).toBe(60_000);
});

test("a tree knows where its lines go on", () => {
  const node = (id: string, parentId: string | null = null) => ({ id, parentId });
  const rows = treeRows([node("dev"), node("a", "dev"), node("b", "dev"), node("a1", "a"), node("lost", "gone")]);
  expect(rows.map(({ item, depth, lines }) => [item.id, depth, lines])).toEqual([
    ["dev", 0, []],
    ["a", 1, [true]],
    ["a1", 2, [true, false]],
    ["b", 1, [false]],
    ["lost", 0, []],
  ]);
});

test("keys in force stand first, the default pair at the top", () => {
  const key = (id: string, more: Partial<ApiKey>): ApiKey => ({
    id,
    prefix: "",
    kind: "secret",
    name: id,
    scopes: [],
    default: false,
    createdAt: "2026-11-01T00:00:00Z",
    lastUsedAt: null,
    expiresAt: null,
    revokedAt: null,
    publishable: null,
    ...more,
  });
  const revoked = key("revoked", { default: true, revokedAt: "2026-11-02T00:00:00Z" });
  const expired = key("expired", { expiresAt: "2026-11-02T00:00:00Z", createdAt: "2026-11-01T12:00:00Z" });
  const all = [revoked, expired, key("other", {}), key("pair", { default: true })];
  expect(sortKeys(all, NOW).map(({ id }) => id)).toEqual(["pair", "other", "expired", "revoked"]);
  expect(inForce(key("later", { expiresAt: "2026-12-01T00:00:00Z" }), NOW)).toBe(true);
});

test("an invitation is pending until it is used, taken back or over", () => {
  const open = { acceptedAt: null, revokedAt: null, expiresAt: "2026-11-22T00:00:00Z" };
  expect(isPending(open, NOW)).toBe(true);
  expect(isPending({ ...open, expiresAt: "2026-11-20T00:00:00Z" }, NOW)).toBe(false);
  expect(isPending({ ...open, revokedAt: "2026-11-20T00:00:00Z" }, NOW)).toBe(false);
});

test("only the copies that are wanted are asked for", () => {
  const wish: Wish = {
    from: "dev",
    name: "staging",
    type: null,
    lease: "",
    mode: "full",
    copies: ["copySecurityConfig"],
    strategy: "AUTO",
  };
  expect(toBranchInput("p", wish, "dev", "o")).toEqual({
    projectId: "p",
    name: "staging",
    sourceEnvironment: "dev",
    mode: "full",
    type: null,
    lease: null,
    operationId: "o",
    strategy: "AUTO",
    copySecurityConfig: true,
  });
});

test("browsers are told by what one calls them", () => {
  const edge = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/148.0 Safari/537.36 Edg/148.0";
  expect(describeBrowser(edge)).toBe("Edge on Windows");
  expect(describeBrowser("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")).toBe(
    "Firefox on Linux",
  );
  expect(describeBrowser("curl/8")).toBe("An unknown browser");
});
