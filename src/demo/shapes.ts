/** A point or vector (x, y, z). */
export type Point = readonly [number, number, number];

/** Signed distance to a surface at a point: below 0 inside. */
export type Distance = number;

/**
 * Distance to an axis-aligned ellipsoid around 0, first order near the surface and exact for a sphere: k0(k0 - 1)/k1
 * with k0 = |p/r|, k1 = |p/r²| (Quilez, "Ellipsoid - SDF"). At (6, 0, 0) with radii 4, 5, 6: 2
 */
export function ellipsoidDistance([x, y, z]: Point, [a, b, c]: Point): Distance {
  const k0 = Math.hypot(x / a, y / b, z / c);
  const k1 = Math.hypot(x / (a * a), y / (b * b), z / (c * c));
  return k1 > 0 ? (k0 * (k0 - 1)) / k1 : -Math.min(a, b, c);
}

/** A straight tube with round ends. */
export interface Tube {
  readonly from: Point;
  readonly to: Point;
  readonly radius: number;
}

/** Distance to a tube, and where along it the nearest point of its axis lies: 0 at `from`, 1 at `to`. */
export function tubeDistance(
  [x, y, z]: Point,
  { from, to, radius }: Tube,
): { distance: Distance; along: number } {
  const [dx, dy, dz] = [to[0] - from[0], to[1] - from[1], to[2] - from[2]];
  const [px, py, pz] = [x - from[0], y - from[1], z - from[2]];
  const part = (px * dx + py * dy + pz * dz) / (dx * dx + dy * dy + dz * dz);
  const along = Math.min(1, Math.max(0, part));
  const distance = Math.hypot(px - along * dx, py - along * dy, pz - along * dz) - radius;
  return { distance, along };
}

/**
 * Union with a fillet: the minimum, and up to k/4 less where the two are less than `k` apart (Quilez, "Smooth minimum",
 * quadratic). smoothUnion(1, 1, 4) = 0
 */
export function smoothUnion(a: Distance, b: Distance, k: number): Distance {
  const h = Math.max(k - Math.abs(a - b), 0) / k;
  return Math.min(a, b) - (h * h * k) / 4;
}

/** How much of a voxel lies inside a flat surface at this distance of its centre, both in voxels: 0.5 at 0. */
export const coverage = (distance: Distance): number => Math.min(1, Math.max(0, 0.5 - distance));

/** Row-major rotation about x, then y, then z, angles in radians. */
export function rotation(aboutX: number, aboutY: number, aboutZ: number): readonly number[] {
  const [cx, sx] = [Math.cos(aboutX), Math.sin(aboutX)];
  const [cy, sy] = [Math.cos(aboutY), Math.sin(aboutY)];
  const [cz, sz] = [Math.cos(aboutZ), Math.sin(aboutZ)];
  return [
    ...[cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx],
    ...[sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx],
    ...[-sy, cy * sx, cy * cx],
  ];
}

/** Row-major 3x3 matrix times p. */
export const applyMatrix = (m: readonly number[], [x, y, z]: Point): Point => [
  m[0]! * x + m[1]! * y + m[2]! * z,
  m[3]! * x + m[4]! * y + m[5]! * z,
  m[6]! * x + m[7]! * y + m[8]! * z,
];
