import { copyFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Reorientation, reorientGrid, reorientVoxels } from "../src/volume/orientation.js";
import { readLabelMap, readVolume } from "../src/volume/read.js";
import { writeLabelMap, writeVolume } from "../src/volume/write.js";
import { penumbra } from "./command-line.js";
import { madeUpSet, tinyArguments } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-orientation-"));
const at = (...parts: string[]) => join(dir, ...parts);
const data = at("data");
const image = join(data, "imagesTs/te0.nii.gz");

beforeAll(async () => {
  await madeUpSet(data);
  const given = ["--data", data, "--out", at("run"), ...TRAINED];
  expect((await penumbra("train", ...given)).code).toBe(0);
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

/** Long enough that the network tells ball from background. */
const TRAINED = ["--method", "supervised", ...tinyArguments("supervised.iterations=60", "model.filters=4")];

/** Three ways of storing the same scan otherwise; the made-up scans themselves are LPS. */
const TURNS: Record<string, Reorientation> = {
  RAS: { axes: [0, 1, 2], reversed: [false, true, true] },
  SPL: { axes: [2, 1, 0], reversed: [false, false, false] },
  AIR: { axes: [2, 0, 1], reversed: [true, true, true] },
};

async function predict(run: string, path: string, out: string): Promise<Uint8Array> {
  const { code, stderr } = await penumbra("predict", path, "--run", run, "--out", out, "--probabilities");
  expect(stderr.includes("penumbra:"), stderr).toBe(false);
  expect(code).toBe(0);
  return (await readLabelMap(join(out, "te0.nii.gz"))).data;
}

describe("a scan stored in another order of axes", () => {
  it.each(Object.entries(TURNS))(
    "%s is segmented to the same label map, on its own grid",
    async (name, to) => {
      const scan = await readVolume(image);
      const { shape } = scan.grid;
      const turned = { grid: reorientGrid(scan.grid, to), data: reorientVoxels(scan.data, shape, to) };
      const path = at(name, "te0.nii.gz");
      rmSync(at(name), { recursive: true, force: true });
      cpSync(join(data, "labelsTs"), at(name), { recursive: true });
      rmSync(path);
      await writeVolume(path, turned);
      const plain = await predict(at("run"), image, at(`plain-${name}`));
      const labels = await predict(at("run"), path, at(`turned-${name}`));
      expect(new Set(plain).size).toBeGreaterThan(1);
      expect(labels).toEqual(reorientVoxels(plain, shape, to));
      const [one, other] = await Promise.all(
        [`plain-${name}`, `turned-${name}`].map((out) =>
          readVolume(at(out, "te0_probability_left-ball.nii.gz")),
        ),
      );
      expect(other!.data).toEqual(reorientVoxels(one!.data, shape, to));
      expect(other!.grid.nifti).toEqual((await readVolume(path)).grid.nifti);
    },
  );

  it("trains with a label that is stored in another order than its image", async () => {
    const mixed = at("mixed");
    cpSync(data, mixed, { recursive: true });
    const label = join(mixed, "labelsTr/tr0.nii.gz");
    const { grid, data: labels } = await readLabelMap(label);
    const to = TURNS.AIR!;
    rmSync(label);
    await writeLabelMap(label, {
      grid: reorientGrid(grid, to),
      data: reorientVoxels(labels, grid.shape, to),
    });
    const given = ["--data", mixed, "--out", at("mixed-run"), ...TRAINED];
    expect((await penumbra("train", ...given)).code).toBe(0);
    const model = (run: string) => readFileSync(at(run, "model.safetensors"));
    expect(model("mixed-run").equals(model("run"))).toBe(true);
  });

  it("is left in its stored order by runs from before orientation was handled", async () => {
    const configOf = (run: string) => JSON.parse(readFileSync(at(run, "config.json"), "utf8"));
    const copy = (run: string, axisOrder: string | undefined) => {
      cpSync(at("run"), at(run), { recursive: true });
      const config = configOf("run");
      writeFileSync(
        at(run, "config.json"),
        JSON.stringify({ ...config, data: { ...config.data, axisOrder } }),
      );
    };
    copy("old", undefined);
    copy("stored", "stored");
    expect(configOf("old").data).not.toHaveProperty("axisOrder");
    copyFileSync(image, at("te0.nii.gz"));
    const old = await predict(at("old"), at("te0.nii.gz"), at("by-old"));
    expect(old).toEqual(await predict(at("stored"), at("te0.nii.gz"), at("by-stored")));
    expect(old).not.toEqual(await predict(at("run"), at("te0.nii.gz"), at("by-new")));
  });
});
