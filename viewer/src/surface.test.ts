import type { NVImage } from "@niivue/niivue";
import { expect, it } from "vitest";
import { LabelVolume } from "./label-volume.js";
import { surfaceOf } from "./surface.js";

/** A cube of class 1, edges of so many voxels, from `from` on in a volume of `size` voxels along each axis. */
function cube(edge: number, from: number, size: number): LabelVolume {
  const voxels = new Uint8Array(size ** 3);
  for (let z = from; z < from + edge; z++) {
    for (let y = from; y < from + edge; y++)
      voxels.fill(1, (z * size + y) * size + from, (z * size + y) * size + from + edge);
  }
  const dims = [3, size, size, size];
  const like = { hdr: { dims }, dimsRAS: dims, img2RASstart: [0, 0, 0], img2RASstep: [1, size, size ** 2] };
  return new LabelVolume(voxels, like as unknown as NVImage);
}

/** How many triangles each edge belongs to. */
function edgesOf(triangles: Uint32Array): Map<string, number> {
  const found = new Map<string, number>();
  for (let i = 0; i < triangles.length; i++) {
    const ends = [triangles[i]!, triangles[i - (i % 3) + ((i + 1) % 3)]!].sort((a, b) => a - b);
    found.set(ends.join(), (found.get(ends.join()) ?? 0) + 1);
  }
  return found;
}

it.each([
  ["every voxel", cube(10, 3, 16), 12 * 10 ** 2],
  ["every voxel, to the ends of the volume", cube(10, 0, 10), 12 * 10 ** 2],
  ["every second voxel of a large class", cube(116, 2, 120), 12 * 58 ** 2],
])("closes the surface: %s", (_, volume, triangles) => {
  const surface = surfaceOf(volume, 1)!;
  expect(surface.triangles).toHaveLength(3 * triangles);
  expect(new Set(edgesOf(surface.triangles).values())).toEqual(new Set([2]));
});
