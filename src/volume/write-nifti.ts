import { badInput } from "../errors.js";
import { geometryOfAffine, niftiAffine, niftiEdges } from "./affine.js";
import type { Grid, NiftiGeometry } from "./volume.js";
import { voxelBytes, type WrittenVoxels } from "./written-voxels.js";

/** Voxels begin behind the 348 bytes of the header and 4 that say "no extension". */
const VOXEL_OFFSET = 352;
const MAX_EDGE = 32767; // dim[] of NIfTI-1 is int16
/** NIfTI's codes of the units that are written, by their millimetres, and of seconds. */
const UNIT_CODES: Readonly<Record<number, number>> = { 1000: 1, 1: 2, 0.001: 3 };
const SECONDS = 8;

const DATATYPES = {
  u8: { code: 2, bits: 8 },
  i16: { code: 4, bits: 16 },
  f32: { code: 16, bits: 32 },
  u16: { code: 512, bits: 16 },
} as const;

/** The stored fields where they still mean this grid, else fields made from its affine and spacing. */
function geometryOf(grid: Grid): NiftiGeometry {
  const { nifti, affine, shape } = grid;
  const [z, y, x] = grid.spacingMm ?? [1, 1, 1];
  if (nifti && affine) {
    const meant = niftiAffine(nifti, shape);
    const edges = niftiEdges(nifti);
    const sameEdges = nifti.sformCode <= 0 || (edges[0] === x && edges[1] === y && edges[2] === z);
    if (sameEdges && meant.every((value, i) => value === affine[i])) return nifti;
  }
  if (affine) return geometryOfAffine(affine, [x, y, z]);
  return {
    pixdim: [1, x, y, z],
    qformCode: 0,
    qform: Array(6).fill(0),
    sformCode: 0,
    sform: Array(12).fill(0),
  };
}

/** A NIfTI-1 header of 352 bytes, little endian. nifti1.h gives the offsets. */
function encodeHeader(grid: Grid, { type, slope }: WrittenVoxels): Buffer {
  const bytes = Buffer.alloc(VOXEL_OFFSET);
  const [depth, height, width] = grid.shape;
  const geometry = geometryOf(grid);
  const floats = (offset: number, values: readonly number[]) =>
    values.forEach((value, i) => {
      bytes.writeFloatLE(value, offset + 4 * i);
    });
  bytes.writeInt32LE(348, 0);
  [3, width, height, depth, 1, 1, 1, 1].forEach((size, i) => {
    bytes.writeInt16LE(size, 40 + 2 * i);
  });
  bytes.writeInt16LE(DATATYPES[type].code, 70);
  bytes.writeInt16LE(DATATYPES[type].bits, 72);
  floats(76, [...geometry.pixdim, 1, 1, 1, 1]);
  floats(108, [VOXEL_OFFSET, slope, 0]); // vox_offset, scl_slope, scl_inter
  bytes.writeUInt8(UNIT_CODES[geometry.unitMm ?? 1]! | SECONDS, 123); // xyzt_units
  bytes.write("penumbra", 148, "latin1");
  bytes.writeInt16LE(geometry.qformCode, 252);
  bytes.writeInt16LE(geometry.sformCode, 254);
  floats(256, geometry.qform);
  floats(280, geometry.sform);
  bytes.write("n+1\0", 344, "latin1");
  return bytes;
}

/** Voxels behind a NIfTI-1 header, x fastest, little endian. Bad input: over 32767 voxels along an axis. */
export function encodeNifti(path: string, grid: Grid, voxels: WrittenVoxels): Buffer {
  if (Math.max(...grid.shape) > MAX_EDGE) {
    throw badInput(
      `${path}: grid [${grid.shape.join(", ")}] is over ${MAX_EDGE} along an axis, NIfTI-1's limit`,
    );
  }
  return Buffer.concat([encodeHeader(grid, voxels), voxelBytes(voxels)]);
}
