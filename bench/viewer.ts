import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { startViewer } from "#dist/viewer/server.js";
import type { Triple } from "#dist/volume/volume.js";
import { encodeNifti } from "#dist/volume/write-nifti.js";
import { openChromium } from "#scripts/chromium.mjs";
import { median } from "./measure.js";
import { madeUpCt, madeUpGrid } from "./read-scan.js";

/** What the page leaves for us. */
declare const scene: { nv: { gl: WebGL2RenderingContext } };

const NAMES = ["scan.nii", "scan.nii.gz"];

function putData(dir: string, shape: Triple): void {
  const nifti = encodeNifti("scan.nii", madeUpGrid(shape), { type: "i16", data: madeUpCt(shape), slope: 1 });
  for (const name of NAMES) {
    const folder = join(dir, name);
    mkdirSync(join(folder, "imagesTr"), { recursive: true });
    writeFileSync(
      join(folder, "imagesTr", name),
      name.endsWith("gz") ? gzipSync(nifti, { level: 1 }) : nifti,
    );
    const set = { labels: { "0": "background", "1": "organ" }, training: [`imagesTr/${name}`], test: [] };
    writeFileSync(join(folder, "dataset.json"), JSON.stringify(set));
  }
}

/** Seconds until the server's last byte has come, as a program asks for it that does nothing with it. */
async function fetchSeconds(url: string): Promise<number> {
  const start = performance.now();
  const answer = await fetch(url);
  for await (const _ of answer.body!);
  return (performance.now() - start) / 1000;
}

/** Opens a case in a new browser; seconds from the address to each step. */
async function openSeconds(url: string): Promise<{ first: number; come: number; drawn: number }> {
  const { page, close } = await openChromium();
  try {
    await page.goto(url);
    await page.waitForFunction(() => performance.getEntriesByName("whole image").length > 0, null, {
      timeout: 90_000,
    });
    return await page.evaluate(() => {
      const { gl } = scene.nv;
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4)); // waits until it is drawn
      const drawn = performance.now();
      const volumes = performance
        .getEntriesByType("resource")
        .filter(({ name }) => name.includes("/volumes/"));
      const [image] = volumes as PerformanceResourceTiming[];
      const [coarse, whole] = ["coarse image", "whole image"].map(
        (name) => performance.getEntriesByName(name)[0],
      );
      const first = (coarse ?? whole)!.startTime;
      return { first: first / 1000, come: image!.responseEnd / 1000, drawn: drawn / 1000 };
    });
  } finally {
    await close();
  }
}

/**
 * Seconds of opening a made-up CT in the viewer, NIfTI as it is and gzipped: the server alone, then in Chromium without a
 * graphics card from the address to the first picture, to the last byte, and to the whole image drawn.
 */
export async function benchViewer({ shape, repeats }: { shape: Triple; repeats: number }) {
  const dir = mkdtempSync(join(tmpdir(), "penumbra-bench-"));
  const figures: Record<string, number> = { megabytes: (shape[0] * shape[1] * shape[2] * 2) / 1e6 };
  putData(dir, shape);
  const viewer = await startViewer({ dir, port: 0 });
  try {
    for (const name of NAMES) {
      const served: number[] = [];
      const opened: Awaited<ReturnType<typeof openSeconds>>[] = [];
      for (let i = 0; i < repeats; i++) {
        served.push(await fetchSeconds(`${viewer.url}volumes/data/${name}/imagesTr/${name}`));
        opened.push(await openSeconds(`${viewer.url}#/data/${name}`));
      }
      figures[`${name}: server alone`] = median(served);
      figures[`${name}: first picture`] = median(opened.map(({ first }) => first));
      figures[`${name}: last byte in the page`] = median(opened.map(({ come }) => come));
      figures[`${name}: whole image drawn`] = median(opened.map(({ drawn }) => drawn));
    }
    return figures;
  } finally {
    await viewer.close();
    rmSync(dir, { recursive: true });
  }
}
