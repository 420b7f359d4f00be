import { spawn, type ChildProcess } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname, "../../..");
const TARGET = process.env["CARGO_TARGET_DIR"] ?? join(ROOT, "target");
const CLOCHE = process.env["CLOCHE_BIN"] ?? resolve(ROOT, TARGET, "debug/cloche");

/** Longer than any start takes on a busy machine. */
const PATIENCE_MS = 60_000;

/** A throw-away server: the real binary with a folder and a PostgreSQL of its own. */
export type Server = {
  url: string;
  /** What it printed for whoever comes first. */
  setupLink: string;
  /** A management request with the token that the server wrote to its folder. */
  graphql: <T>(query: string, variables?: Record<string, unknown>) => Promise<T>;
  stop: () => Promise<void>;
};

/** `faults` is for a debug build: see CONTRIBUTING.md. */
export async function startServer(faults?: string): Promise<Server> {
  if (!existsSync(CLOCHE)) throw new Error(`${CLOCHE} is missing; run: cargo build --package cloche`);
  const folder = mkdtempSync(join(tmpdir(), "cloche-console-"));
  // PostgreSQL runs as another user where we are root.
  chmodSync(folder, 0o755);
  const data = join(folder, "data");
  const postgres = join(ROOT, ".cloche/postgres/18/bin");
  const child = spawn(CLOCHE, ["serve", "--data-dir", data, "--listen", "127.0.0.1:0", "--postgres-bin", postgres], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...(faults === undefined ? {} : { CLOCHE_FAULTS: faults }) },
  });
  const stop = async () => {
    await ended(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const { url, setupLink } = await banner(child);
    return { url, setupLink, graphql: (query, variables) => graphql(url, data, query, variables), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function banner(child: ChildProcess): Promise<{ url: string; setupLink: string }> {
  return new Promise((resolve, reject) => {
    let log = "";
    const timer = setTimeout(() => reject(new Error(`the server is not ready:\n${log}`)), PATIENCE_MS);
    const read = (chunk: Buffer) => {
      log += chunk.toString();
      const url = /^ {2}url\s+(\S+)\n/m.exec(log)?.[1];
      const setupLink = /^ {2}set-up link\s+(\S+)\n/m.exec(log)?.[1];
      if (url === undefined || setupLink === undefined) return;
      clearTimeout(timer);
      resolve({ url, setupLink });
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("exit", (status) => reject(new Error(`the server ended with ${status}:\n${log}`)));
  });
}

/** SIGTERM, so that it stops its PostgreSQL, and the patience that needs. */
function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}

async function graphql<T>(url: string, data: string, query: string, variables: object = {}): Promise<T> {
  const token = readFileSync(join(data, "owner-token"), "utf8").trim();
  const response = await fetch(`${url}/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const answer = (await response.json()) as { data: T; errors?: { message: string }[] };
  if (answer.errors) throw new Error(answer.errors.map(({ message }) => message).join("\n"));
  return answer.data;
}
