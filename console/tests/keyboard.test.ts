import { expect, test } from "vitest";

import { suite } from "./support/suite";

const shared = suite();

test("an environment is branched with the keyboard alone", async () => {
  const { owner } = shared;
  const { page } = owner;
  await page.goto("/p/garden/e/dev");
  await page.getByRole("heading", { name: "dev", level: 1 }).waitFor();

  // The first stop skips to the content; then on to the button in the tabs.
  await page.keyboard.press("Tab");
  expect(await focused()).toBe("Skip to content");
  await tabTo("Create Environment");
  await page.keyboard.press("Enter");

  // The dialog begins at the name; Enter anywhere in the form sends it.
  expect(await page.evaluate(() => document.activeElement?.getAttribute("name"))).toBe("name");
  await page.keyboard.type("staging");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Tab");
  await page.keyboard.press("ArrowRight");
  expect(await page.getByLabel(/^System/).isChecked()).toBe(true);
  await tabTo("Branch from dev");
  await page.keyboard.press("Enter");
  await page.getByText("staging is active").waitFor();
  await tabTo("Show its keys");
  await page.keyboard.press("Enter");

  await page.getByRole("dialog", { name: "Keys of staging" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Keys of staging" }).waitFor();
  await tabTo("I have stored the secret key");
  await page.keyboard.press("Space");
  await tabTo("Close");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/p/garden/e/staging");
  expect(owner.complaints).toEqual([]);

  async function focused(): Promise<string> {
    return page.evaluate(() => {
      const element = document.activeElement;
      const label = element instanceof HTMLInputElement ? element.labels?.[0]?.innerText : null;
      return (label ?? element?.getAttribute("aria-label") ?? element?.textContent ?? "").trim();
    });
  }

  async function tabTo(name: string): Promise<void> {
    for (let stop = 0; stop < 40; stop += 1) {
      if ((await focused()) === name) {
        // What has the focus shows it.
        const outline = await page.evaluate(() => getComputedStyle(document.activeElement!).outlineStyle);
        expect(outline).not.toBe("none");
        return;
      }
      await page.keyboard.press("Tab");
    }
    throw new Error(`Tab never came to ${name}; it is at ${await focused()}`);
  }
});

test("the palette goes anywhere, and Escape gives the focus back", async () => {
  const { page } = shared.owner;
  await page.goto("/p/garden/e/dev");
  await page.getByRole("heading", { name: "dev", level: 1 }).waitFor();
  await page.keyboard.press("Control+k");
  await page.keyboard.type("stag");
  await page.keyboard.press("Enter");
  await page.waitForURL("**/p/garden/e/staging");

  await page.getByRole("button", { name: "Branch from here" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await expect.poll(() => page.evaluate(() => document.activeElement?.textContent)).toBe("Branch from here");
});
