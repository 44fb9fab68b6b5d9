#!/usr/bin/env node
// Draws docs/images/demo.png from a finished demo: node scripts/readme-picture.mjs [runs/demo] [docs/images/demo.png]
// Needs a built dist/ and a Chromium (named by CHROMIUM, else "chromium"), which lays the slices out with their text.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { centreOfMass } from "../dist/report/anatomy.js";
import { pickShown, rankCases } from "../dist/report/shown.js";
import { frameOf, renderSlice } from "../dist/report/slices.js";
import { readLabelMap, readVolume } from "../dist/volume/read.js";

const [demo = "runs/demo", picture = "docs/images/demo.png"] = process.argv.slice(2);
const WIDTH = 940;
const ROW_HEIGHT = 242;
const EDGES = 118;

const scoresOf = (run) => JSON.parse(readFileSync(join(demo, run, "evaluation-test", "scores.json"), "utf8"));
const scores = { supervised: scoresOf("supervised"), aua: scoresOf("aua") };
const diceOf = (run, id) =>
  `Dice ${(100 * rankCases(scores[run]).find((one) => one.id === id).dice).toFixed(1)}`;

/** A row of the picture: the axial slice through the reference's centre, four times. */
async function rowOf({ why, id }) {
  const file = `${id}.nii.gz`;
  const image = await readVolume(join(demo, "data", "imagesTs", file));
  const reference = await readLabelMap(join(demo, "data", "labelsTs", file));
  const of = (run) => readLabelMap(join(demo, run, "evaluation-test", "labels", file));
  const uncertainty = await readVolume(join(demo, "aua", "maps", `${id}_uncertainty.nii.gz`));
  const { grid } = image;
  const aua = {
    id,
    image: image.data,
    reference: reference.data,
    prediction: (await of("aua")).data,
    uncertainty: uncertainty.data,
    grid,
  };
  const supervised = { ...aua, prediction: (await of("supervised")).data };
  const scan = { ...aua, prediction: new Uint8Array(aua.reference.length) };
  const at = centreOfMass(aua.reference, grid.shape);
  const frame = frameOf(aua);
  const cell = (shown, layer, text) => {
    const { png } = renderSlice(shown, "axial", at, layer, frame);
    return `<figure><img src="data:image/png;base64,${png.toString("base64")}"><figcaption>${text}</figcaption></figure>`;
  };
  return [
    cell(scan, "contours", `${why} case`),
    cell(supervised, "contours", diceOf("supervised", id)),
    cell(aua, "contours", diceOf("aua", id)),
    cell(aua, "uncertainty", ""),
  ].join("");
}

const percent = (run) => `${(100 * scores[run].mean.dice).toFixed(1)}`;
const picks = pickShown(scores.aua);
const rows = [];
for (const pick of picks) rows.push(await rowOf(pick));
const page = `<!doctype html><meta charset="utf-8"><style>
body { margin: 0; padding: 18px 20px; background: #14171c; color: #e8eaed; font: 15px/1.35 "DejaVu Sans", sans-serif; }
div { display: grid; grid-template-columns: repeat(4, 1fr); gap: 6px 10px; }
h2 { margin: 0 0 4px; font-size: 15px; font-weight: 600; } h2 small { display: block; font-weight: 400; color: #aab0b8; }
figure { margin: 0; } img { width: 100%; height: ${ROW_HEIGHT - 32}px; object-fit: cover; display: block; border-radius: 4px; }
figcaption { height: 22px; font-size: 13px; color: #aab0b8; }
p { margin: 4px 0 0; font-size: 13px; color: #aab0b8; } i { font-style: normal; font-weight: 600; }
</style><div><h2>Scan<small>unseen in training</small></h2><h2>Labels alone<small>mean Dice ${percent("supervised")}</small></h2>
<h2>AUA<small>mean Dice ${percent("aua")}</small></h2><h2>Uncertainty<small>of AUA</small></h2>${rows.join("")}</div>
<p><i style="color:rgb(86 180 233)">reference</i> &nbsp; <i style="color:rgb(230 159 0)">prediction</i> &nbsp; ${picks.map(({ why }) => why).join(", ")} of ${rankCases(scores.aua).length} made-up test scans, by AUA's Dice</p>`;

const folder = mkdtempSync(join(tmpdir(), "penumbra-picture-"));
const html = join(folder, "picture.html");
writeFileSync(html, page);
mkdirSync(dirname(picture), { recursive: true });
const flags =
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync --hide-scrollbars".split(
    " ",
  );
execFileSync(process.env.CHROMIUM ?? "chromium", [
  ...flags,
  `--user-data-dir=${join(folder, "profile")}`,
  `--window-size=${WIDTH},${picks.length * ROW_HEIGHT + EDGES}`,
  `--screenshot=${resolve(picture)}`,
  pathToFileURL(html).href,
]);
rmSync(folder, { recursive: true, force: true });
process.stdout.write(`${picture}\n`);
