import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import { badInput } from "../errors.js";
import { writeWholeFile } from "../files/whole-file.js";
import { type Grid, type LabelMap, type Volume, voxelCount } from "./volume.js";
import { encodeMetaImageHeader } from "./write-metaimage.js";
import { encodeNifti } from "./write-nifti.js";
import { encodeNrrdHeader } from "./write-nrrd.js";
import { labelVoxels, scaledVoxels, voxelBytes, type WrittenVoxels } from "./written-voxels.js";

const gzipAsync = promisify(gzip);
const deflateAsync = promisify(deflate);
const LEVEL = { level: 6 };

/** How intensities are stored: as they are, or as int16 with a slope (NIfTI only). */
export type IntensityType = "float32" | "int16";

type Encode = (path: string, grid: Grid, voxels: WrittenVoxels) => Promise<Uint8Array> | Uint8Array;

const nrrd: Encode = async (_, grid, voxels) =>
  Buffer.concat([encodeNrrdHeader(grid, voxels), await gzipAsync(voxelBytes(voxels), LEVEL)]);

const metaImage: Encode = async (_, grid, voxels) => {
  const packed = await deflateAsync(voxelBytes(voxels), LEVEL);
  return Buffer.concat([encodeMetaImageHeader(grid, voxels, packed.length), packed]);
};

/** By the name's ending. */
const ENCODERS: ReadonlyArray<readonly [RegExp, Encode]> = [
  [/\.nii$/i, encodeNifti],
  [/\.nii\.gz$/i, async (...parts) => gzipAsync(encodeNifti(...parts), LEVEL)],
  [/\.nrrd$/i, nrrd],
  [/\.mha$/i, metaImage],
];

async function write(path: string, grid: Grid, voxels: WrittenVoxels): Promise<void> {
  const encode = ENCODERS.find(([ending]) => ending.test(path))?.[1];
  if (!encode) throw badInput(`${path}: expected a name that ends in .nii.gz, .nii, .nrrd or .mha`);
  if (voxels.data.length !== voxelCount(grid.shape)) {
    throw badInput(`${path}: ${voxels.data.length} voxels for a grid of [${grid.shape.join(", ")}]`);
  }
  if (voxels.slope !== 1 && !/\.nii(\.gz)?$/i.test(path))
    throw badInput(`${path}: only NIfTI stores a slope; write float32, or a name that ends in .nii.gz`);
  writeWholeFile(path, [await encode(path, grid, voxels)]);
}

/**
 * Writes a volume on its own grid, float32 unless told otherwise: NIfTI-1 (.nii, .nii.gz), NRRD (.nrrd) or MetaImage
 * (.mha), by the name's ending. The position fields that were read with the grid are written again where it came from
 * a file of that format, else what its affine gives: in NIfTI as sform, and as qform too if the axes are at right
 * angles. Bad input: another ending, a data length that doesn't fit the grid, a path that can't be written.
 */
export const writeVolume = (path: string, volume: Volume, type: IntensityType = "float32"): Promise<void> =>
  write(
    path,
    volume.grid,
    type === "int16" ? scaledVoxels(volume.data) : { type: "f32", data: volume.data, slope: 1 },
  );

/** Writes a label map as uint8, or uint16 where its data is that; otherwise as `writeVolume`. */
export const writeLabelMap = (
  path: string,
  labels: LabelMap | { readonly grid: Grid; readonly data: Uint16Array },
): Promise<void> => write(path, labels.grid, labelVoxels(labels.data));
