import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import type { Grid } from "../volume/volume.js";
import { writeVolume } from "../volume/write.js";
import { threadsFor } from "./prepare-set.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-prepare-set-"));
afterAll(() => rmSync(dir, { recursive: true }));
vi.mock("../machine-memory.js", () => ({ freeMemory: () => 20_000_000 }));

it("prepares as many cases at once as memory holds once they are resampled", async () => {
  const imagePath = join(dir, "image.nii");
  const grid: Grid = { shape: [20, 40, 50], spacingMm: [10, 1, 1], affine: null };
  await writeVolume(imagePath, { grid, data: new Float32Array(40_000) });
  const cases = Array.from({ length: 40 }, (_, i) => ({ id: `${i}`, imagePath, labelPath: null }));
  const threads = (options: object) => threadsFor(cases, 40, options);
  expect(await threads({})).toBe(17); // 0.8 MB each
  expect(await threads({ spacingMm: [2.5, 1, 1] })).toBe(4);
  expect(await threads({ spacingMm: [20, 2, 2] })).toBe(17); // while it is read
});
