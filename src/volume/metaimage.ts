import { badInput } from "../errors.js";
import { type MetaImageFields, parseMetaImage } from "./metaimage-header.js";
import { gridOfPlacement, LPS, type Placement } from "./patient-space.js";
import { openStored } from "./stored-file.js";
import { checkVoxelCount, type StoredImage } from "./stored-image.js";
import { besideHeader, readTextHeader } from "./text-header.js";
import type { Grid, MetaImageGeometry, Triple } from "./volume.js";
import { loadVoxels, type VoxelData } from "./voxel-data.js";

/** ElementDataFile is the last line: behind it come the voxels, or nothing. */
const HEADER_END = /^[ \t]*ElementDataFile[ \t]*=[^\n]*(\n|$)/im;

/** Sizes of all axes, x first, padded to three. Bad input: no or too many axes, several numbers a voxel. */
function extentsOf(fields: MetaImageFields): number[] {
  const rank = Number(fields.required("NDims"));
  const sizes = fields.required("DimSize").split(/\s+/).map(Number);
  const { file } = fields;
  if (sizes.length !== rank || !sizes.every((n) => Number.isSafeInteger(n) && n > 0)) {
    throw badInput(
      `${file}: header says NDims ${rank} and DimSize ${sizes.join(" ")}; every axis needs a positive size, the header is damaged`,
    );
  }
  const channels = Number(fields.get("ElementNumberOfChannels") ?? 1);
  if (channels !== 1)
    throw badInput(`${file}: each voxel is ${channels} numbers; expected one number a voxel`);
  if (rank < 2 || rank > 4)
    throw badInput(
      `${file}: a ${rank}-D image of ${sizes.join(" x ")}; expected one 3-D volume, split it first`,
    );
  checkVoxelCount(sizes, file);
  return rank === 2 ? [...sizes, 1] : sizes;
}

/** An image's placement from header fields of `rank` axes. */
function placementOf(
  matrix: readonly number[],
  spacing: readonly number[],
  origin: readonly number[],
): Placement {
  const rank = spacing.length;
  const direction = (axis: number) =>
    [0, 1, 2].map((row) => {
      const unit = axis < rank && row < rank ? matrix[axis * rank + row]! : axis === row ? 1 : 0;
      return unit === 0 ? 0 : unit * Math.abs(spacing[axis] ?? 1);
    });
  return { directions: [0, 1, 2].map(direction), origin: [0, 1, 2].map((row) => origin[row] ?? 0) };
}

/** The grid that a MetaImage header's position fields mean for a [D, H, W] shape. Bad input, naming the file. */
export const metaImageGrid = (shape: Triple, geometry: MetaImageGeometry, file: string): Grid =>
  gridOfPlacement(
    shape,
    placementOf(geometry.transformMatrix, geometry.elementSpacing, geometry.offset),
    LPS,
    file,
  );

/** Physical points are left-posterior-superior, as ITK takes them; each row of TransformMatrix is an axis's direction. */
function gridOf(fields: MetaImageFields, rank: number, [w, h, d]: readonly number[]): Grid {
  const numbers = (count: number, ...names: string[]) => fields.numbers(count, ...names);
  const spacing = numbers(rank, "ElementSpacing", "ElementSize") ?? Array(rank).fill(1);
  const origin = numbers(rank, "Offset", "Position", "Origin") ?? Array(rank).fill(0);
  const identity = Array.from({ length: rank * rank }, (_, i) => (i % (rank + 1) === 0 ? 1 : 0));
  const matrix = numbers(rank * rank, "TransformMatrix", "Rotation", "Orientation") ?? identity;
  const geometry: MetaImageGeometry = { transformMatrix: matrix, offset: origin, elementSpacing: spacing };
  const grid = metaImageGrid([d, h, w] as Triple, geometry, fields.file);
  if (rank !== 3) return grid;
  return { ...grid, metaImage: geometry };
}

const oddities = (fields: MetaImageFields): string[] => [
  ...(fields.get("ElementSpacing", "ElementSize") ? [] : ["no voxel size is stored: 1 mm is taken"]),
  ...(fields.get("Offset", "Position", "Origin")
    ? []
    : ["no position is stored: the first voxel is taken to be at 0"]),
];

async function whereVoxelsLie(fields: MetaImageFields, path: string, end: number) {
  const name = fields.required("ElementDataFile");
  if (/^LIST|%/.test(name)) {
    throw badInput(
      `${path}: its voxels lie in several files (${name.slice(0, 40)}); join them into one image`,
    );
  }
  const isLocal = /^local$/i.test(name);
  const headerSize = Number(fields.get("HeaderSize") ?? 0);
  if (!Number.isSafeInteger(headerSize) || headerSize < -1)
    throw badInput(`${path}: its MetaImage header says HeaderSize ${headerSize}; the header is damaged`);
  const isText = /^(false|f|0)$/i.test(fields.get("BinaryData") ?? "true");
  const isPacked = fields.isTrue("CompressedData");
  const packedBytes = Number(fields.get("CompressedDataSize") ?? Number.NaN);
  return {
    path: isLocal ? path : await besideHeader(path, name),
    encoding: isText ? ("text" as const) : isPacked ? ("packed" as const) : ("raw" as const),
    start: headerSize === -1 ? ("end" as const) : isLocal ? end : headerSize,
    ...(packedBytes > 0 && { packedBytes }),
  };
}

/** Opens a MetaImage: .mha, or .mhd with its data file; raw, zlib or text. */
export async function openMetaImage(path: string): Promise<StoredImage> {
  const file = await openStored(path);
  const { text, end } = await readTextHeader(file, HEADER_END, false);
  const fields = parseMetaImage(text, path);
  const extents = extentsOf(fields);
  const type = fields.type();
  const littleEndian = !fields.isTrue("BinaryDataByteOrderMSB", "ElementByteOrderMSB");
  const count = extents.reduce((product, n) => product * n, 1);
  const data: VoxelData = { ...(await whereVoxelsLie(fields, path, end)), type, littleEndian, count };
  return {
    path,
    otherFiles: [data.path].filter((voxels) => voxels !== path),
    format: "MetaImage",
    grid: gridOf(fields, Number(fields.get("NDims")), extents),
    extents,
    type,
    littleEndian,
    slope: 1,
    intercept: 0,
    odd: oddities(fields),
    load: () => loadVoxels(data),
  };
}
