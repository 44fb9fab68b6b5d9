#!/usr/bin/env node
// Draws docs/images/viewer-*.jpg from a finished demo: node scripts/viewer-pictures.mjs [runs/demo] [docs/images]
// Needs what `npm run setup` builds, and a Chromium (named by CHROMIUM, else /usr/bin/chromium).
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { startViewer } from "../dist/viewer/server.js";
import { openChromium } from "./chromium.mjs";

const [demo = "runs/demo", folder = "docs/images"] = process.argv.slice(2);
const SIZE = { width: 1280, height: 790 };
const viewer = await startViewer({ dir: demo, port: 0 });
const { page, close } = await openChromium({ size: SIZE });
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
  const path = join(folder, `viewer-${name}.jpg`);
  await page.screenshot({ path, type: "jpeg", quality: 80 });
  process.stdout.write(`${path}\n`);
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
await page.waitForSelector(`[data-layer=${run.stochastic ? "samples" : "uncertainty"}]:not([disabled])`);
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

await page.emulateMedia({ colorScheme: "light" });
await go(`#/features/${encodeURIComponent(run.id)}`, ".scatter canvas");
await shoot("features");

await close();
await viewer.close();
