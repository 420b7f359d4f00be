import { fileURLToPath } from "node:url";

import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  test: {
    // `make screenshots` runs as the tests do, but is none.
    include: [process.env["SCREENSHOTS"] ? "tests/screenshots.ts" : "tests/**/*.test.ts"],
    environment: "node",
    // Each file has a server, a PostgreSQL and a browser: one after the other on a small machine.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
