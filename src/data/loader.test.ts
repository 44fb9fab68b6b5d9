import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { Grid } from "../volume/volume.js";
import { Loader, type LoaderOptions, makeBatch } from "./loader.js";
import type { PreparedCase } from "./prepare.js";

const shared = (values: number[]) => {
  const image = new Float32Array(new SharedArrayBuffer(4 * values.length));
  image.set(values);
  return image;
};
const GRID: Grid = { shape: [4, 5, 6], spacingMm: null, affine: null };

const aCase = (id: string, first: number): PreparedCase => ({
  id,
  grid: GRID,
  storedGrid: GRID,
  image: shared(Array.from({ length: 120 }, (_, i) => first + i)),
  label: Uint8Array.from({ length: 120 }, (_, i) => i % 2),
  region: null,
});
const options = (more: Partial<LoaderOptions> = {}): LoaderOptions => ({
  labeled: [aCase("a", 1), aCase("b", 200)],
  unlabeled: [aCase("c", 400), aCase("d", 600), aCase("e", 800)],
  patchSize: [2, 3, 3],
  labeledPerBatch: 2,
  unlabeledPerBatch: 2,
  augment: { rotate90: true, flip: true },
  seed: 5,
  workers: 0,
  prefetch: 3,
  ...more,
});

describe("Loader", () => {
  it("without workers gives makeBatch's batches and counts the wait", async () => {
    const loader = new Loader(options());
    expect(await loader.next(3)).toEqual(makeBatch(options(), 3));
    expect(loader.waitedMs).toBeGreaterThan(0);
    await loader.close();
    await expect(loader.next(4)).rejects.toThrow("loader: closed");
  });

  it.each([-1, 0.5, Number.NaN])("has no iteration %d", async (iteration) => {
    await expect(new Loader(options()).next(iteration)).rejects.toThrow(
      `iteration ${iteration}; expected a whole`,
    );
  });

  it.each<[string, Partial<LoaderOptions>, RegExp]>([
    ["no labeled case", { labeled: [] }, /2 labeled patches a batch but no labeled case/],
    ["no unlabeled case", { unlabeled: [] }, /2 unlabeled patches a batch but no unlabeled case/],
    ["an empty batch", { labeledPerBatch: 0, unlabeledPerBatch: 0 }, /a batch of no patches/],
    ["half a patch", { labeledPerBatch: 1.5 }, /1\.5 labeled patches/],
    [
      "no label",
      { labeled: [{ ...aCase("bare", 1), label: null }] },
      /case bare is listed as labeled but has no label/,
    ],
    ["a patch of 0", { patchSize: [2, 0, 2] }, /patch size \[2, 0, 2\]/],
    ["a damaged case", { unlabeled: [{ ...aCase("cut", 1), image: shared([1]) }] }, /case cut has 1 voxels/],
  ])("refuses %s", (_, more, reason) => {
    expect(() => new Loader(options(more))).toThrow(reason);
  });

  it("needs no unlabeled cases where all are labeled", async () => {
    const loader = new Loader(options({ unlabeled: [], unlabeledPerBatch: 0 }));
    expect((await loader.next(0)).caseIds.length).toBe(2);
  });
});

const DIST = resolve(import.meta.dirname, "../../dist/data/loader.js");
const built = existsSync(DIST);

describe.skipIf(!built)(
  built ? "Loader with workers" : "Loader with workers (skipped: dist isn't built)",
  () => {
    const open = async (more: Partial<LoaderOptions>) => {
      const { Loader: Built } = (await import(pathToFileURL(DIST).href)) as { Loader: typeof Loader };
      return new Built(options(more));
    };

    it.each([1, 2, 3])("gives the same batches from %d workers as from none", async (workers) => {
      const loader = await open({ workers });
      for (const iteration of [0, 1, 2, 3, 9, 4, 4]) {
        expect(await loader.next(iteration)).toEqual(makeBatch(options(), iteration));
      }
      await loader.close();
    });

    it("rejects with the case that a worker failed on, and goes on", async () => {
      const odd = { ...aCase("odd", 1), image: Array(120).fill(1) as unknown as Float32Array }; // cannot be cropped
      const labeled = [odd, aCase("b", 200)];
      const loader = await open({
        workers: 2,
        labeled,
        labeledPerBatch: 1,
        augment: { rotate90: false, flip: false },
      });
      const results = await Promise.allSettled([loader.next(0), loader.next(1)]);
      const failed = results.find((result) => result.status === "rejected");
      expect(String(failed?.reason)).toMatch(/iteration [01], case odd: /);
      expect(results.find((result) => result.status === "fulfilled")?.value.caseIds[0]).toBe("b");
      await loader.close();
    });

    it("starts a worker again that dies once, and says so", async () => {
      const { Loader: Built } = (await import(pathToFileURL(DIST).href)) as { Loader: typeof Loader };
      const deaths = new Int32Array(new SharedArrayBuffer(4));
      const code = `
        const { parentPort, workerData } = require("node:worker_threads");
        const die = ({ iteration }) => {
          if (iteration === 1 && Atomics.add(workerData.deaths, 0, 1) === 0) process.exit(7);
        };
        const on = parentPort.on.bind(parentPort);
        parentPort.on = (name, answer) => on(name, (message) => (die(message), answer(message)));
        import(workerData.url);`;
      const url = new URL("./loader-worker.js", pathToFileURL(DIST)).href;
      const start = (data: object) => new Worker(code, { eval: true, workerData: { ...data, deaths, url } });
      const warnings: string[] = [];
      const onWarning = (line: string) => warnings.push(line);
      const loader = new Built(options({ workers: 1, onWarning }), start);
      for (const i of [0, 1, 2, 3]) expect(await loader.next(i)).toEqual(makeBatch(options(), i));
      const cases = makeBatch(options(), 1).caseIds.join(", ");
      expect(warnings).toEqual([
        `loader: a worker died (Error: exit code 7) while it made iteration 1's batch of cases ${cases}; it is started again`,
      ]);
      await loader.close();
    });

    it("rejects what is waited for when it is closed", async () => {
      const loader = await open({ workers: 1 });
      const waiting = expect(loader.next(0)).rejects.toThrow("loader: closed");
      await loader.close();
      await waiting;
    });
  },
);
