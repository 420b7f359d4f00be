import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";

const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export const WIDE = { width: 1280, height: 860 };
export const NARROW = { width: 390, height: 844 };

/** Debian's Chromium; see scripts/setup-chromium. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium", args: FLAGS });
}

/** Somebody at a browser of their own. */
export type Person = {
  page: Page;
  context: BrowserContext;
  /** Everything the browser complained about: violations of the content security policy, errors in the console, exceptions. */
  complaints: string[];
};

/** A page that is not there for lack of a session is told by 401, which Chromium notes in its console. */
const EXPECTED = /^Failed to load resource: the server responded with a status of 401/;

export async function newPerson(
  browser: Browser,
  baseURL: string,
  options: BrowserContextOptions = {},
): Promise<Person> {
  const context = await browser.newContext({
    baseURL,
    locale: "en-GB",
    timezoneId: "UTC",
    viewport: WIDE,
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const complaints: string[] = [];
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violation: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`);
    });
  });
  page.on("console", (message) => {
    const text = message.text();
    if (message.type() === "error" && !(EXPECTED.test(text) && message.location().url.startsWith(baseURL))) {
      complaints.push(text);
    }
  });
  page.on("pageerror", (error) => complaints.push(`${error.name}: ${error.message}`));
  return { page, context, complaints };
}
