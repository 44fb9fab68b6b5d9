import type { NIFTI1, NIFTI2 } from "nifti-reader-js";
import { badInput } from "../errors.js";
import { columnLengths, niftiAffine, niftiEdges } from "./affine.js";
import { cornerDistanceMm } from "./grid-distance.js";
import type { Grid, NiftiGeometry, Triple } from "./volume.js";

export const NIFTI1_HEADER_BYTES = 348;
/** NIfTI's spatial unit codes (meter, mm, micrometer) in mm; unknown is taken as mm. */
const UNITS_MM: Readonly<Record<number, number>> = { 0: 1, 1: 1000, 2: 1, 3: 0.001 };
const UNIT_NAMES: Readonly<Record<number, string>> = { 1: "meters", 3: "micrometers" };

/** The library leaves the sform out of a NIfTI-1 header whose qform code is larger, so its rows are read here. */
export function niftiGeometry(header: NIFTI1 | NIFTI2, bytes: ArrayBuffer): NiftiGeometry {
  const view = new DataView(bytes);
  const single = bytes.byteLength === NIFTI1_HEADER_BYTES;
  const unitMm = UNITS_MM[header.xyzt_units & 7] ?? 1;
  const row = (i: number) =>
    single
      ? view.getFloat32(280 + 4 * i, header.littleEndian)
      : view.getFloat64(400 + 8 * i, header.littleEndian);
  return {
    pixdim: header.pixDims.slice(0, 4),
    qformCode: header.qform_code,
    qform: [
      ...[header.quatern_b, header.quatern_c, header.quatern_d],
      ...[header.qoffset_x, header.qoffset_y, header.qoffset_z],
    ],
    sformCode: header.sform_code,
    sform: Array.from({ length: 12 }, (_, i) => row(i)),
    ...(unitMm !== 1 && { unitMm }),
  };
}

/** Where a NIfTI header puts a [D, H, W] shape. Bad input: an affine that maps voxels nowhere. */
export function niftiGrid(shape: Triple, geometry: NiftiGeometry, file: string): Grid {
  const edges = niftiEdges(geometry);
  const stored = edges.every((edge) => edge > 0 && Number.isFinite(edge));
  if (!stored && geometry.sformCode <= 0) return { shape, spacingMm: null, affine: null };
  const affine = niftiAffine(geometry, shape);
  const [x, y, z] = stored ? (edges as [number, number, number]) : columnLengths(affine);
  if (!affine.every(Number.isFinite) || columnLengths(affine).some((length) => length === 0)) {
    throw badInput(`${file}: its affine [${affine.join(", ")}] maps voxels nowhere; the header is damaged`);
  }
  return { shape, spacingMm: [z, y, x], affine, nifti: geometry };
}

/** What a person should know of a NIfTI header's units: other readers leave them alone. */
export function oddUnits(xyztUnits: number): string[] {
  const name = UNIT_NAMES[xyztUnits & 7];
  return name === undefined ? [] : [`its header counts in ${name}: turned into mm`];
}

/** What a person should know of a NIfTI header's position fields. */
export function oddGeometry({ shape, spacingMm, affine }: Grid, geometry: NiftiGeometry): string[] {
  const { qformCode, sformCode } = geometry;
  if (!affine || !spacingMm) return ["no voxel size, no position and no orientation are stored"];
  if (qformCode <= 0 && sformCode <= 0)
    return ["neither qform nor sform is set: orientation and position are unknown, only voxel edges are"];
  const odd: string[] = [];
  if (qformCode > 0 && sformCode > 0) {
    const apart = cornerDistanceMm(niftiAffine({ ...geometry, sformCode: 0 }, shape), affine, shape);
    if (apart > Math.min(...spacingMm) / 2)
      odd.push(`qform and sform lie up to ${apart.toFixed(2)} mm apart: the sform is used`);
  }
  const edges = columnLengths(affine);
  if (edges.some((edge, i) => Math.abs(edge - spacingMm[2 - i]!) > 0.01 * edge)) {
    const said = [...spacingMm].reverse().map((mm) => mm.toPrecision(4));
    odd.push(
      `voxel edges are ${said.join(" x ")} mm but the affine steps ${edges.map((edge) => edge.toPrecision(4)).join(" x ")} mm`,
    );
  }
  return odd;
}
