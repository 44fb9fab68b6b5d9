import type { LabelVolume } from "./label-volume.js";

/** Triangles of a surface; points in voxels, x y z, a voxel's middle at whole numbers. */
export interface Surface {
  readonly points: Float32Array;
  readonly triangles: Uint32Array;
}

const ROUNDS = 6;

/** Of a larger class every k-th voxel is taken, so that the page is never held up for long. */
const MOST_CELLS = 1_500_000;

/**
 * The surface of a class: naive surface nets (Gibson 1998), one point in every cell of eight voxels that it passes, then
 * a few rounds in which points move half way to the mean of their neighbours.
 */
export function surfaceOf(volume: LabelVolume, wanted: number): Surface | null {
  const box = volume.extents.get(wanted);
  if (!box) return null;
  const size = box.high.map((at, axis) => at - box.low[axis]! + 1);
  const step = Math.ceil(Math.cbrt(size.reduce((product, n) => product * n, 1) / MOST_CELLS));
  const [ox, oy, oz] = box.low.map((at) => at - step) as [number, number, number];
  // corners outside on both sides, so that the surface is closed
  const [cx, cy, cz] = size.map((n) => Math.ceil(n / step) + 2) as [number, number, number];
  const [nx, ny, nz] = volume.size;
  const inside = (x: number, y: number, z: number): boolean => {
    const [vx, vy, vz] = [ox + step * x, oy + step * y, oz + step * z];
    return vx >= 0 && vy >= 0 && vz >= 0 && vx < nx && vy < ny && vz < nz && volume.at(vx, vy, vz) === wanted;
  };
  const cells = new Int32Array(cx * cy * cz).fill(-1);
  const cellAt = (x: number, y: number, z: number) => (z * cy + y) * cx + x;
  const points: number[] = [];
  for (let z = 0; z < cz; z++) {
    for (let y = 0; y < cy; y++) {
      for (let x = 0; x < cx; x++) {
        const middle = crossing(cornersOf(inside, x, y, z));
        if (!middle) continue;
        cells[cellAt(x, y, z)] = points.length / 3;
        points.push(ox + step * (x + middle[0]!), oy + step * (y + middle[1]!), oz + step * (z + middle[2]!));
      }
    }
  }
  const triangles = quads(inside, (x, y, z) => cells[cellAt(x, y, z)]!, [cx, cy, cz]);
  return { points: relaxed(Float32Array.from(points), triangles), triangles };
}

type Inside = (x: number, y: number, z: number) => boolean;

/** Which corners of a cell are inside, a bit each: x fastest. */
function cornersOf(inside: Inside, x: number, y: number, z: number): number {
  let corners = 0;
  for (let i = 0; i < 8; i++) {
    if (inside(x + (i & 1), y + ((i >> 1) & 1), z + (i >> 2))) corners |= 1 << i;
  }
  return corners;
}

/** Mean of the middles of a cell's edges that the surface passes; null where it passes none. */
function crossing(corners: number): number[] | null {
  if (corners === 0 || corners === 255) return null;
  const sum = [0, 0, 0];
  let count = 0;
  for (let corner = 0; corner < 8; corner++) {
    for (let axis = 0; axis < 3; axis++) {
      const other = corner | (1 << axis);
      if (other === corner || ((corners >> corner) & 1) === ((corners >> other) & 1)) continue;
      for (let i = 0; i < 3; i++) sum[i]! += ((corner >> i) & 1) + (i === axis ? 0.5 : 0);
      count++;
    }
  }
  return sum.map((value) => value / count);
}

/** Two triangles for every pair of neighbouring voxels of which one is inside. */
function quads(
  inside: Inside,
  pointOf: (x: number, y: number, z: number) => number,
  size: readonly [number, number, number],
): Uint32Array {
  const found: number[] = [];
  const [cx, cy, cz] = size;
  for (let z = 1; z < cz; z++) {
    for (let y = 1; y < cy; y++) {
      for (let x = 1; x < cx; x++) {
        const here = inside(x, y, z);
        const add = (there: boolean, a: number, b: number, c: number, d: number) => {
          if (here === there) return;
          found.push(...(here ? [a, b, c, a, c, d] : [a, c, b, a, d, c]));
        };
        add(
          inside(x - 1, y, z),
          pointOf(x - 1, y - 1, z - 1),
          pointOf(x - 1, y - 1, z),
          pointOf(x - 1, y, z),
          pointOf(x - 1, y, z - 1),
        );
        add(
          inside(x, y - 1, z),
          pointOf(x - 1, y - 1, z - 1),
          pointOf(x, y - 1, z - 1),
          pointOf(x, y - 1, z),
          pointOf(x - 1, y - 1, z),
        );
        add(
          inside(x, y, z - 1),
          pointOf(x - 1, y - 1, z - 1),
          pointOf(x - 1, y, z - 1),
          pointOf(x, y, z - 1),
          pointOf(x, y - 1, z - 1),
        );
      }
    }
  }
  return Uint32Array.from(found);
}

function relaxed(points: Float32Array, triangles: Uint32Array): Float32Array {
  let from = points;
  for (let round = 0; round < ROUNDS; round++) {
    const sum = new Float32Array(from.length);
    const count = new Uint16Array(from.length / 3);
    for (let i = 0; i < triangles.length; i += 3) {
      for (let corner = 0; corner < 3; corner++) {
        const [a, b] = [triangles[i + corner]!, triangles[i + ((corner + 1) % 3)]!];
        for (let axis = 0; axis < 3; axis++) sum[3 * a + axis]! += from[3 * b + axis]!;
        count[a]!++;
      }
    }
    from = from.map((value, i) => {
      const near = count[Math.floor(i / 3)]!;
      return near === 0 ? value : 0.5 * value + (0.5 * sum[i]!) / near;
    });
  }
  return from;
}
