import { NRRD_TYPES, SPACE_SIGNS } from "./nrrd-header.js";
import { placementOf } from "./patient-space.js";
import type { Grid, NrrdSpace } from "./volume.js";
import type { WrittenVoxels } from "./written-voxels.js";

const SPACE_NAMES: Record<NrrdSpace, string> = {
  RAS: "right-anterior-superior",
  LAS: "left-anterior-superior",
  LPS: "left-posterior-superior",
};

const vector = (values: readonly number[]): string => `(${values.map((value) => value + 0).join(",")})`;

/** Numbers are written in full, so that they are read back to the last bit. */
function placeOf({ affine, spacingMm, nrrdSpace = "LPS" }: Grid): string[] {
  if (affine) {
    const { directions, origin } = placementOf(affine, SPACE_SIGNS[nrrdSpace]);
    return [
      `space: ${SPACE_NAMES[nrrdSpace]}`,
      `space directions: ${directions.map(vector).join(" ")}`,
      `space origin: ${vector(origin)}`,
    ];
  }
  return spacingMm ? [`spacings: ${[...spacingMm].reverse().join(" ")}`] : [];
}

/** A NRRD header for gzipped, little-endian voxels of a grid, in the world that the grid was read in (else LPS). */
export function encodeNrrdHeader(grid: Grid, { type }: WrittenVoxels): Buffer {
  const [depth, height, width] = grid.shape;
  const lines = [
    "NRRD0004",
    `type: ${NRRD_TYPES[type][0]}`,
    "dimension: 3",
    `sizes: ${width} ${height} ${depth}`,
    "kinds: domain domain domain",
    "endian: little",
    "encoding: gzip",
    ...placeOf(grid),
  ];
  return Buffer.from(`${lines.join("\n")}\n\n`, "latin1");
}
