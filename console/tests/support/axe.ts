import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import type { Page } from "playwright-core";

import { NARROW, WIDE } from "./browser";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

type Violation = { id: string; help: string; nodes: { target: string[]; failureSummary: string }[] };

type Look = { theme: "light" | "dark"; width: number };

const LOOKS: Look[] = [WIDE, NARROW].flatMap(({ width }) => [
  { theme: "light", width } as const,
  { theme: "dark", width } as const,
]);

/** What is wrong with the page as it stands, in light and dark, wide and narrow: rules of axe broken, and what sticks out sideways. */
export async function faults(page: Page): Promise<string[]> {
  const found: string[] = [];
  for (const { theme, width } of LOOKS) {
    await page.setViewportSize(width === WIDE.width ? WIDE : NARROW);
    await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
    await settled(page);
    const where = `${new URL(page.url()).pathname} ${theme} ${width}`;
    found.push(...(await broken(page)).map((text) => `${where}: ${text}`));
    found.push(...(await overflow(page)).map((text) => `${where}: ${text}`));
  }
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  return found;
}

async function broken(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run: (what: Document, how: object) => Promise<{ violations: unknown[] }> };
    };
    return (await axe.run(document, { resultTypes: ["violations"] })).violations;
  });
  return (violations as Violation[]).flatMap(({ id, help, nodes }) =>
    nodes.map(
      ({ target, failureSummary }) => `${id}: ${help}: ${target.join(" ")}: ${failureSummary.replace(/\s+/g, " ")}`,
    ),
  );
}

/** A page never scrolls sideways, and neither does a dialog; tabs and commands do, inside themselves. */
function overflow(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const wide = scrollWidth > clientWidth ? [`the page is ${scrollWidth} wide in ${clientWidth}`] : [];
    const dialogs = [...document.querySelectorAll("[role=dialog] > div")];
    const out = dialogs.filter((part) => part.scrollWidth > part.clientWidth + 1);
    return [...wide, ...out.map((part) => `a dialog is ${part.scrollWidth} wide in ${part.clientWidth}`)];
  });
}

/** Animations and transitions have ended. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
    await Promise.allSettled(
      document
        .getAnimations()
        .filter((animation) => animation.effect?.getComputedTiming().iterations !== Infinity)
        .map((animation) => animation.finished),
    );
  });
}
