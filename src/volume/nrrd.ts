import { badInput } from "../errors.js";
import {
  isLittleEndian,
  type NrrdFields,
  parseFields,
  parseSizes,
  parseVectors,
  required,
  SPACE_SIGNS,
  spaceOf,
  typeOf,
} from "./nrrd-header.js";
import { gridOfPlacement } from "./patient-space.js";
import { openStored } from "./stored-file.js";
import { checkVoxelCount, type StoredImage } from "./stored-image.js";
import { besideHeader, readTextHeader } from "./text-header.js";
import type { Grid, Triple } from "./volume.js";
import { loadVoxels, type VoxelData } from "./voxel-data.js";

const ENCODINGS: Readonly<Record<string, VoxelData["encoding"]>> = {
  raw: "raw",
  gzip: "packed",
  gz: "packed",
  ascii: "text",
  text: "text",
  txt: "text",
};

/** An axis of a NRRD file. */
interface Axis {
  readonly size: number;
  /** Its step in the world, null where it is none of space. */
  readonly direction: readonly number[] | null;
  readonly spacing: number;
}

function axesOf(fields: NrrdFields, file: string): Axis[] {
  const sizes = parseSizes(fields, file);
  const directions = fields.has("spacedirections")
    ? parseVectors(fields.get("spacedirections")!, file)
    : sizes.map(() => null);
  const spacings = fields.get("spacings")?.split(/\s+/).map(Number) ?? sizes.map(() => Number.NaN);
  if (directions.length !== sizes.length || spacings.length !== sizes.length) {
    throw badInput(
      `${file}: its NRRD header has ${sizes.length} sizes but another number of space directions or spacings`,
    );
  }
  return sizes.map((size, i) => ({ size, direction: directions[i]!, spacing: Math.abs(spacings[i]!) }));
}

/** The axes of space first, then those that are none; bad input unless the image is one volume or a series of them. */
function spatialAxes(axes: readonly Axis[], fields: NrrdFields, file: string): readonly Axis[] {
  const hasDirections = axes.some(({ direction }) => direction !== null);
  const kinds = (fields.get("kinds") ?? "").toLowerCase().split(/\s+/);
  const isSpatial = (axis: Axis, i: number) =>
    hasDirections ? axis.direction !== null : !kinds[i] || /^(domain|space|\?\?\?|none)$/.test(kinds[i]!);
  const [spatial, other] = [axes.filter(isSpatial), axes.filter((axis, i) => !isSpatial(axis, i))];
  const several = other.filter(({ size }) => size > 1);
  const first = several[0] && axes.indexOf(several[0]);
  const sizes = axes.map(({ size }) => size).join(" x ");
  if (first === 0) {
    throw badInput(
      `${file}: each voxel is ${several[0]!.size} numbers (${kinds[0] || "an axis before those of space"}); expected one number a voxel`,
    );
  }
  const last = Math.max(...spatial.map((axis) => axes.indexOf(axis)));
  if (first !== undefined && first < last) {
    throw badInput(
      `${file}: its axis ${first + 1} of ${sizes} is none of space but lies between those that are; expected them first, reorder it`,
    );
  }
  if (spatial.length === 2)
    return [...spatial, ...several, { size: 1, direction: null, spacing: Number.NaN }];
  if (spatial.length + several.length <= 4 && spatial.length >= 3) return [...spatial, ...several];
  throw badInput(`${file}: a ${axes.length}-D image of ${sizes}; expected one 3-D volume, split it first`);
}

function gridOf(axes: readonly Axis[], fields: NrrdFields, file: string): { grid: Grid; odd: string[] } {
  const [x, y, z] = axes as [Axis, Axis, Axis];
  const shape: Triple = [z.size, y.size, x.size];
  const directions = [x, y, z].map(({ direction }) => direction);
  if (directions.every((direction) => direction !== null)) {
    const origin = fields.has("spaceorigin") ? parseVectors(fields.get("spaceorigin")!, file)[0] : null;
    const space = spaceOf(fields);
    const odd = [
      ...(origin ? [] : ["no space origin is stored: the first voxel is taken to be at 0"]),
      ...(space
        ? []
        : [
            `its space (${fields.get("space") ?? "none"}) says nothing of the patient: taken as left-posterior-superior`,
          ]),
    ];
    const placement = { directions, origin: origin ?? [0, 0, 0] };
    const nrrdSpace = space ?? "LPS";
    return { grid: { ...gridOfPlacement(shape, placement, SPACE_SIGNS[nrrdSpace], file), nrrdSpace }, odd };
  }
  const spacing: Triple = [z.spacing, y.spacing, x.spacing];
  const known = spacing.every((edge) => edge > 0 && Number.isFinite(edge));
  const missing = known ? "no orientation and no position" : "no voxel size, no position and no orientation";
  return { grid: { shape, spacingMm: known ? spacing : null, affine: null }, odd: [`${missing} are stored`] };
}

function wholeField(fields: NrrdFields, name: string, least: number, file: string): number {
  const value = Number(fields.get(name) ?? 0);
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw badInput(`${file}: its NRRD header says ${name} ${fields.get(name)}; the header is damaged`);
}

/** Opens a NRRD image: .nrrd, or .nhdr with its data file; raw, gzip or ascii encoding. */
export async function openNrrd(path: string): Promise<StoredImage> {
  const file = await openStored(path);
  const { text, end } = await readTextHeader(file, /\r?\n\r?\n/, true);
  const fields = parseFields(text.trimEnd(), path);
  const type = typeOf(fields, path);
  const axes = spatialAxes(axesOf(fields, path), fields, path);
  const extents = axes.map(({ size }) => size);
  checkVoxelCount(extents, path);
  const { grid, odd } = gridOf(axes, fields, path);
  const littleEndian = isLittleEndian(fields, type, path);
  const count = extents.reduce((product, n) => product * n, 1);
  const data: VoxelData = { ...(await whereVoxelsLie(fields, path, end)), type, littleEndian, count };
  return {
    path,
    otherFiles: [data.path].filter((voxels) => voxels !== path),
    format: "NRRD",
    grid,
    extents: extents.length > 4 ? extents.slice(0, 4) : extents,
    type,
    littleEndian,
    slope: 1,
    intercept: 0,
    odd,
    load: () => loadVoxels(data),
  };
}

/** "LIST", and numbered files: a format with a place for a number, then the first, the last and the step. */
const SEVERAL_FILES = /^LIST(\s+\d+)?$|%\d*d.*\s-?\d+\s+-?\d+\s+-?\d+/;

async function whereVoxelsLie(fields: NrrdFields, path: string, end: number) {
  const name = required(fields, "encoding", path).toLowerCase();
  const encoding = ENCODINGS[name];
  if (!encoding) {
    throw badInput(
      `${path}: voxels are encoded as ${name}; expected raw, gzip or ascii, as "unu save -e gzip" writes`,
    );
  }
  const detached = fields.get("datafile");
  if (detached !== undefined && SEVERAL_FILES.test(detached)) {
    throw badInput(
      `${path}: its voxels lie in several files (${detached.slice(0, 40)}); join them into one NRRD file`,
    );
  }
  if (wholeField(fields, "lineskip", 0, path) > 0)
    throw badInput(`${path}: its NRRD header skips lines before the voxels; write it anew without line skip`);
  const skip = wholeField(fields, "byteskip", -1, path);
  const from = detached === undefined ? end : 0;
  return {
    path: detached === undefined ? path : await besideHeader(path, detached),
    encoding,
    start: skip < 0 ? ("end" as const) : from,
    skip: Math.max(skip, 0),
  };
}
