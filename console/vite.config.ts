import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** Where `npm run dev` finds a server. */
const SERVER = process.env["CLOCHE_URL"] ?? "http://127.0.0.1:7350";

export default defineConfig({
  plugins: [react(), tailwindcss(), withoutInjectedStyles(), compressed()],
  resolve: {
    alias: {
      "@": here("./src"),
      // The original writes a <style> into the page, which the content security policy refuses.
      "react-remove-scroll": here("./src/ui/remove-scroll.tsx"),
    },
  },
  build: {
    // The console, and the page to try an environment's API.
    rollupOptions: { input: [here("./index.html"), here("./docs.html")] },
    target: "es2023",
    // Those that know light-dark(), which src/styles.css is built on.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // Fonts and images as files: the policy has no place for `data:` fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // In kB; one chunk is 150 kB over the wire, and every page needs most of it.
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: Object.fromEntries(["/graphql", "/session", "/v1"].map((path) => [path, { target: SERVER }])),
  },
});

/** sonner brings its styles as a file too (`src/styles.css` imports it); injecting them is refused by the policy. */
function withoutInjectedStyles(): Plugin {
  return {
    name: "without-injected-styles",
    apply: "build",
    transform(code, id) {
      if (!/node_modules\/sonner\/dist\/index\.mjs$/.test(id)) return;
      const injected = /^__insertCSS\(.*\);$/m;
      if (!injected.test(code)) this.error("sonner no longer injects its styles as it did; look at this plugin");
      return { code: code.replace(injected, ""), map: null };
    },
  };
}

/** A brotli copy beside each file that gains by it; the server hands it out. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      const dist = here("./dist");
      const names = readdirSync(dist, { recursive: true, encoding: "utf8" });
      for (const name of names.filter((name) => /\.(js|css|html|svg)$/.test(name))) {
        const plain = readFileSync(join(dist, name));
        const small = brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
        if (small.length < plain.length * 0.9) writeFileSync(join(dist, `${name}.br`), small);
      }
    },
  };
}
