#!/usr/bin/env node
// Draws docs/images/viewer-*.png from a finished demo: node scripts/viewer-pictures.mjs [runs/demo] [docs/images]
// Needs what `npm run setup` builds, and a Chromium (named by CHROMIUM, else /usr/bin/chromium).
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { startViewer } from "../dist/viewer/server.js";

const [demo = "runs/demo", folder = "docs/images"] = process.argv.slice(2);
const SIZE = { width: 1440, height: 860 };
const FLAGS =
  "--no-sandbox --disable-gpu --use-gl=angle --use-angle=swiftshader --enable-unsafe-swiftshader --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(
    " ",
  );

const viewer = await startViewer({ dir: demo, port: 0 });
const profile = mkdtempSync(join(tmpdir(), "penumbra-pictures-"));
const browser = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  headless: true,
  viewport: SIZE,
  colorScheme: "dark",
  args: FLAGS,
});
const page = browser.pages()[0] ?? (await browser.newPage());
page.setDefaultTimeout(120_000);
mkdirSync(folder, { recursive: true });

const overview = await (await fetch(`${viewer.url}api/overview`)).json();
const run = overview.runs.find(({ stochastic }) => stochastic) ?? overview.runs[0];
const others = overview.runs.map(({ id }) => `run=${encodeURIComponent(id)}`).join("&");

const go = async (hash, ready) => {
  await page.goto("about:blank");
  await page.goto(viewer.url + hash);
  await page.waitForSelector(ready);
};
const shoot = async (name) => {
  await page.waitForTimeout(1500);
  await page.screenshot({ path: join(folder, `viewer-${name}.png`) });
  process.stdout.write(`${join(folder, `viewer-${name}.png`)}\n`);
};

await go(`#/training?${others}`, ".chart .u-over");
await shoot("training");

/** The case in the middle of the table: neither the best nor the worst. */
const table = await (await fetch(`${viewer.url}api/runs/${encodeURIComponent(run.id)}/cases`)).json();
const scored = table.rows
  .filter(({ scores }) => scores.length > 0)
  .sort((a, b) => a.scores[0].dice - b.scores[0].dice);
const { id } = scored[Math.floor(scored.length / 2)];
await go(`#/cases/${encodeURIComponent(run.id)}?case=${encodeURIComponent(id)}`, ".stage .volume");
const settled = () =>
  page.waitForFunction(() => globalThis.scene?.isFull && !document.querySelector(".status"));
await settled();
const compute = page.getByRole("button", { name: /compute uncertainty/ });
if ((await compute.count()) > 0) await compute.click();
await page.waitForSelector("[data-layer=uncertainty]:not([disabled])");
await settled();
await shoot("case");
await page.locator("[data-layer=uncertainty]").check();
await settled();
if (run.stochastic) {
  await page.locator("[data-layer=prediction]").uncheck();
  await page.locator("[data-layer=samples]").check();
  await settled();
}
await shoot("samples");

await go(`#/features/${encodeURIComponent(run.id)}`, ".scatter canvas");
await shoot("features");

await browser.close();
await viewer.close();
rmSync(profile, { recursive: true, force: true });
