import { setTimeout as pause } from "node:timers/promises";
import { Loader } from "#dist/data/loader.js";
import { makePhantom } from "#dist/demo/phantom.js";
import type { Triple } from "#dist/volume/volume.js";
import { median } from "./measure.js";

const CASES = 8;
const MARGIN = 24;

/**
 * How long a trainer whose steps take `stepSeconds` waits for each batch of 2 + 2 patches, and how long making one takes
 * by itself.
 */
export async function benchLoader({
  patch,
  stepSeconds,
  repeats,
}: {
  patch: Triple;
  stepSeconds: number;
  repeats: number;
}) {
  const shape = patch.map((n) => n + MARGIN) as unknown as Triple;
  const cases = Array.from({ length: CASES }, (_, i) => {
    const { image, label } = makePhantom(0, i, shape);
    const shared = <T extends Float32Array | Uint8Array>(values: T, into: T): T => {
      into.set(values);
      return into;
    };
    const grid = { shape, spacingMm: null, affine: null };
    return {
      id: `phantom ${i}`,
      grid,
      storedGrid: grid,
      image: shared(image, new Float32Array(new SharedArrayBuffer(image.byteLength))),
      label: shared(label, new Uint8Array(new SharedArrayBuffer(label.byteLength))),
      region: null,
    };
  });
  const options = {
    labeled: cases,
    unlabeled: cases,
    patchSize: patch,
    labeledPerBatch: 2,
    unlabeledPerBatch: 2,
    augment: { rotate90: true, flip: true },
    seed: 0,
    prefetch: 2,
  };
  const waits = async (workers: number, between: number) => {
    const loader = new Loader({ ...options, workers });
    const times: number[] = [];
    for (let i = 0; i <= repeats; i++) {
      const before = loader.waitedMs;
      await loader.next(i);
      if (i > 0) times.push((loader.waitedMs - before) / 1000);
      await pause(between * 1000);
    }
    await loader.close();
    return median(times);
  };
  const makingSeconds = await waits(0, 0);
  const waitedSeconds = await waits(1, stepSeconds);
  return { patch, stepSeconds, makingSeconds, waitedSeconds, shareOfStep: waitedSeconds / stepSeconds };
}
