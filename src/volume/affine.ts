import type { NiftiGeometry, Triple } from "./volume.js";

/**
 * Row-major 3x3 rotation of a unit quaternion given by its (b, c, d). nifti1.h, "QUATERNION REPRESENTATION". Where they are
 * longer than 1, a half turn about their direction, as nifti1_io takes it.
 */
function rotationOf(...bcd: readonly [number, number, number]): number[] {
  const length = Math.max(1, Math.hypot(...bcd));
  const [b, c, d] = bcd.map((value) => value / length) as [number, number, number];
  const a = Math.sqrt(Math.max(0, 1 - (b * b + c * c + d * d)));
  return [
    [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
    [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
    [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
  ].flat();
}

/** Row-major 4x4 from a 3x3 and an offset. */
const compose = (m: readonly number[], offset: readonly number[]): number[] => [
  ...[0, 1, 2].flatMap((row) => [m[row * 3]!, m[row * 3 + 1]!, m[row * 3 + 2]!, offset[row]!]),
  ...[0, 0, 0, 1],
];

function qformAffine({ pixdim, qform }: NiftiGeometry): number[] {
  const handedness = pixdim[0] === -1 ? -1 : 1;
  const edges = [Math.abs(pixdim[1]!), Math.abs(pixdim[2]!), Math.abs(pixdim[3]!) * handedness];
  const rotation = rotationOf(qform[0]!, qform[1]!, qform[2]!);
  return compose(
    rotation.map((value, i) => value * edges[i % 3]!),
    qform.slice(3),
  );
}

/** With neither form stored: x runs to the left and 0 mm is the middle of the volume, as nibabel takes it. */
function centeredAffine({ pixdim }: NiftiGeometry, [depth, height, width]: Triple): number[] {
  const edges = [-Math.abs(pixdim[1]!), Math.abs(pixdim[2]!), Math.abs(pixdim[3]!)];
  const extents = [width, height, depth];
  const diagonal = [0, 1, 2].flatMap((row) => [0, 1, 2].map((column) => (row === column ? edges[row]! : 0)));
  return compose(
    diagonal,
    edges.map((edge, i) => (-edge * (extents[i]! - 1)) / 2),
  );
}

/** Voxel edges in mm along x, y, z, as a NIfTI header says them. */
export const niftiEdges = ({ pixdim, unitMm = 1 }: NiftiGeometry): number[] =>
  pixdim.slice(1).map((edge) => Math.abs(edge) * unitMm);

/** The affine in mm that a NIfTI header means for a [D, H, W] shape: sform where its code is positive, else qform, else voxel edges only. */
export function niftiAffine({ unitMm = 1, ...stored }: NiftiGeometry, shape: Triple): number[] {
  return storedAffine(stored, shape).map((value, i) => (i < 12 ? value * unitMm : value));
}

function storedAffine(geometry: NiftiGeometry, shape: Triple): number[] {
  if (geometry.sformCode > 0) return [...geometry.sform, 0, 0, 0, 1];
  return geometry.qformCode > 0 ? qformAffine(geometry) : centeredAffine(geometry, shape);
}

/** Lengths of the affine's columns: voxel edges in mm along x, y, z. */
export const columnLengths = (affine: readonly number[]): [number, number, number] => {
  const length = (column: number) => Math.hypot(affine[column]!, affine[4 + column]!, affine[8 + column]!);
  return [length(0), length(1), length(2)];
};

/** Determinant of the affine's 3x3 part. */
export const determinant = (m: readonly number[]): number =>
  m[0]! * (m[5]! * m[10]! - m[6]! * m[9]!) -
  m[1]! * (m[4]! * m[10]! - m[6]! * m[8]!) +
  m[2]! * (m[4]! * m[9]! - m[5]! * m[8]!);

/** (b, c, d) of the quaternion of a proper row-major 3x3 rotation. Shepperd 1978: start from the largest component. */
function quaternionOf(r: readonly number[]): [number, number, number] {
  const [r00, r01, r02, r10, r11, r12, r20, r21, r22] = r as [
    ...[number, number, number],
    ...[number, number, number],
    ...[number, number, number],
  ];
  const squares = [1 + r00 + r11 + r22, 1 + r00 - r11 - r22, 1 - r00 + r11 - r22, 1 - r00 - r11 + r22];
  const largest = squares.indexOf(Math.max(...squares));
  const s = 2 * Math.sqrt(squares[largest]!); // 4 times the largest component
  const abcd = [
    [s / 4, (r21 - r12) / s, (r02 - r20) / s, (r10 - r01) / s],
    [(r21 - r12) / s, s / 4, (r01 + r10) / s, (r02 + r20) / s],
    [(r02 - r20) / s, (r01 + r10) / s, s / 4, (r12 + r21) / s],
    [(r10 - r01) / s, (r02 + r20) / s, (r12 + r21) / s, s / 4],
  ][largest]!;
  const sign = abcd[0]! < 0 ? -1 : 1;
  return [abcd[1]! * sign, abcd[2]! * sign, abcd[3]! * sign];
}

/** Header position fields for an affine: sform always, qform too where the axes are at right angles (a qform holds no shear). */
export function geometryOfAffine(affine: readonly number[], spacingXyz: readonly number[]): NiftiGeometry {
  const edges = columnLengths(affine);
  const handedness = determinant(affine) < 0 ? -1 : 1;
  const unit = [0, 1, 2].flatMap((row) =>
    [0, 1, 2].map((column) => (affine[row * 4 + column]! / edges[column]!) * (column === 2 ? handedness : 1)),
  );
  const dot = (a: number, b: number) =>
    unit[a]! * unit[b]! + unit[a + 3]! * unit[b + 3]! + unit[a + 6]! * unit[b + 6]!;
  const agrees = edges.every((edge, i) => Math.abs(edge - spacingXyz[i]!) <= 1e-4 * edge);
  const rigid = agrees && Math.max(Math.abs(dot(0, 1)), Math.abs(dot(0, 2)), Math.abs(dot(1, 2))) < 1e-4;
  const offset = [affine[3]!, affine[7]!, affine[11]!];
  return {
    pixdim: [handedness, ...spacingXyz],
    qformCode: rigid ? 1 : 0,
    qform: rigid ? [...quaternionOf(unit), ...offset] : [0, 0, 0, 0, 0, 0],
    sformCode: 1,
    sform: affine.slice(0, 12),
  };
}

/** Inverse of an affine 4x4, by cofactors. */
export function inverse(m: readonly number[]): number[] {
  const scale = 1 / determinant(m);
  const at = (row: number, column: number) => m[(row % 3) * 4 + (column % 3)]!;
  const linear = [0, 1, 2].map((i) =>
    [0, 1, 2].map((j) => scale * (at(j + 1, i + 1) * at(j + 2, i + 2) - at(j + 1, i + 2) * at(j + 2, i + 1))),
  );
  const rows = linear.map((row) => [...row, -row.reduce((sum, value, k) => sum + value * m[k * 4 + 3]!, 0)]);
  return [...rows.flat(), 0, 0, 0, 1];
}
