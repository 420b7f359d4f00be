import { defineConfig } from "vite";

// While working, the page asks the server it comes from, which hands on to Cloche: one origin, as behind a proxy.
const target = process.env.CLOCHE_URL ?? "http://127.0.0.1:7350";
const proxy = { "/rest/v1": target, "/auth/v1": target };

export default defineConfig({ server: { proxy }, preview: { proxy } });
