import { expect, it } from "vitest";
import { CoarseVolume } from "./coarse-volume.js";

const full = [7, 6, 5] as const;
const voxels = Int16Array.from({ length: 7 * 6 * 5 }, (_, i) => i - 100);
const bytes = new Uint8Array(voxels.buffer);

it("takes every second voxel, whatever pieces the volume comes in", () => {
  const coarse = new CoarseVolume(full, 2, 4);
  for (let come = 0; come <= bytes.length; come += 13) coarse.take(bytes, come);
  coarse.take(bytes, bytes.length);
  expect([coarse.steps, coarse.size]).toEqual([
    [2, 2, 2],
    [4, 3, 3],
  ]);
  const expected = [0, 2, 4].flatMap((z) =>
    [0, 2, 4].flatMap((y) => [0, 2, 4, 6].map((x) => 42 * z + 7 * y + x - 100)),
  );
  expect([...new Int16Array(coarse.voxels())]).toEqual(expected);
});

it("fills what has not come with the first voxel, and takes no row that is not whole", () => {
  const coarse = new CoarseVolume(full, 2, 4);
  coarse.take(bytes, 3 * 14 - 1);
  expect([...new Int16Array(coarse.voxels())].slice(0, 8)).toEqual([
    -100, -98, -96, -94, -100, -100, -100, -100,
  ]);
});
