import { columnLengths } from "./affine.js";
import { metaImageGrid } from "./metaimage.js";
import { LPS, placementOf } from "./patient-space.js";
import type { Grid, MetaImageGeometry } from "./volume.js";
import type { WrittenVoxels } from "./written-voxels.js";

const TYPES: Record<WrittenVoxels["type"], string> = {
  u8: "MET_UCHAR",
  u16: "MET_USHORT",
  i16: "MET_SHORT",
  f32: "MET_FLOAT",
};

/** The stored fields where they still mean this grid, else fields made from its affine. */
function geometryOf(grid: Grid): MetaImageGeometry | null {
  const { affine, metaImage, shape, spacingMm } = grid;
  if (!affine) {
    const elementSpacing = spacingMm && [...spacingMm].reverse();
    return (
      elementSpacing && { transformMatrix: [1, 0, 0, 0, 1, 0, 0, 0, 1], offset: [0, 0, 0], elementSpacing }
    );
  }
  if (metaImage && metaImageGrid(shape, metaImage, "").affine!.every((value, i) => value === affine[i]))
    return metaImage;
  const { directions, origin } = placementOf(affine, LPS);
  const edges = columnLengths(affine);
  const unit = directions.flatMap((step, axis) => step.map((value) => value / edges[axis]!));
  return { transformMatrix: unit, offset: origin, elementSpacing: edges };
}

const numbers = (values: readonly number[]): string => values.map((value) => value + 0).join(" ");

/** A MetaImage header for zlib-packed, little-endian voxels of a grid. `packedBytes`: how many follow. */
export function encodeMetaImageHeader(grid: Grid, { type }: WrittenVoxels, packedBytes: number): Buffer {
  const [depth, height, width] = grid.shape;
  const geometry = geometryOf(grid);
  const lines = [
    "ObjectType = Image",
    "NDims = 3",
    "BinaryData = True",
    "BinaryDataByteOrderMSB = False",
    "CompressedData = True",
    `CompressedDataSize = ${packedBytes}`,
    ...(geometry
      ? [
          `TransformMatrix = ${numbers(geometry.transformMatrix)}`,
          `Offset = ${numbers(geometry.offset)}`,
          "CenterOfRotation = 0 0 0",
          `ElementSpacing = ${numbers(geometry.elementSpacing)}`,
        ]
      : []),
    `DimSize = ${width} ${height} ${depth}`,
    `ElementType = ${TYPES[type]}`,
    "ElementDataFile = LOCAL",
  ];
  return Buffer.from(`${lines.join("\n")}\n`, "latin1");
}
