import type { DataSet } from "dicom-parser";
import { badInput } from "../errors.js";
import { bitAt } from "./bits.js";
import { type DicomFile, itemsOf, readingAttributes } from "./dicom-file.js";
import { frameCount, framePlaces } from "./dicom-frame.js";
import { sharedAxes } from "./dicom-stack.js";
import { cross, dot, minus } from "./directions.js";
import { gridOfPlacement, LPS } from "./patient-space.js";
import { openStored, readRaw } from "./stored-file.js";
import { checkVoxelCount, type StoredImage } from "./stored-image.js";
import type { Grid } from "./volume.js";

const SEGMENTATION_STORAGE = "1.2.840.10008.5.1.4.1.1.66.4";
/** How far, in voxels, a frame may lie from a slice of the grid. */
const OFF_GRID = 0.1;
const MAX_SEGMENT = 255;
/** Slices for each one that holds something; more are no scan's. */
const MOST_SPARSE = 256;

export const isSegmentation = (file: DicomFile): boolean =>
  readingAttributes(file, () => file.attributes.string("x00080016")) === SEGMENTATION_STORAGE;

/** A frame of a segmentation: one segment in one slice. */
interface SegmentFrame {
  readonly index: number;
  readonly segment: number;
  readonly position: readonly number[];
}

interface Segmentation {
  readonly file: DicomFile;
  readonly rows: number;
  readonly columns: number;
  /** Largest value of a pixel; 1 where pixels are bits. */
  readonly most: number;
  readonly isBinary: boolean;
  readonly frames: readonly SegmentFrame[];
  readonly axes: ReturnType<typeof sharedAxes>;
  /** Between slices in mm, null where the file doesn't say. */
  readonly sliceSpacing: number | null;
}

function segmentOf(group: DataSet | undefined, shared: DataSet | undefined, file: DicomFile): number {
  const item = [group, shared].flatMap((from) => (from ? itemsOf(from, "x0062000a") : []))[0];
  const segment = item?.uint16("x0062000b") ?? 0;
  if (segment >= 1 && segment <= MAX_SEGMENT) return segment;
  throw badInput(`${file.path}: a frame belongs to segment ${segment}; expected 1 to ${MAX_SEGMENT}`);
}

/** What a segmentation's header says, checked. */
function parseSegmentation(file: DicomFile): Segmentation {
  const { attributes, path, pixels } = file;
  const kind = attributes.string("x00620001") ?? "";
  if (kind !== "BINARY" && kind !== "FRACTIONAL")
    throw badInput(`${path}: a segmentation of type ${kind || "unknown"}; expected BINARY or FRACTIONAL`);
  const isBinary = kind === "BINARY";
  const [rows, columns] = [attributes.uint16("x00280010") ?? 0, attributes.uint16("x00280011") ?? 0];
  const allocated = attributes.uint16("x00280100");
  const shared = itemsOf(attributes, "x52009229")[0];
  const groups = itemsOf(attributes, "x52009230");
  if (file.decode)
    throw badInput(`${path}: a segmentation of compressed pixels, which are not read; decompress it first`);
  const count = frameCount(file);
  const bits = rows * columns * count * (isBinary ? 1 : 8);
  if (allocated !== (isBinary ? 1 : 8) || !pixels || pixels.length * 8 < bits || bits === 0) {
    throw badInput(
      `${path}: ${count} frames of ${columns} x ${rows} in ${pixels?.length ?? 0} bytes of pixels with ${allocated} bits each; the file is damaged`,
    );
  }
  const places = framePlaces(file);
  const axes = sharedAxes(places, path);
  return {
    file,
    rows,
    columns,
    isBinary,
    most: isBinary ? 1 : (attributes.uint16("x0062000e") ?? 255),
    frames: places.map(({ position }, index) => ({
      index,
      segment: segmentOf(groups[index], shared, file),
      position: position!,
    })),
    axes,
    sliceSpacing: places[0]!.sliceSpacing,
  };
}

/** What the header says where the places (rising) lie on a stack of it (it may be a thickness), else what the gaps are multiples of. */
function sliceDistance(places: readonly number[], said: number | null): number {
  const gaps = places.slice(1).map((place, i) => place - places[i]!);
  const smallest = Math.min(...gaps.filter((gap) => gap > 1e-3));
  if (!Number.isFinite(smallest)) return said || 1;
  const isOnStack = (step: number) => (place: number) => {
    const slices = (place - places[0]!) / step;
    return Math.abs(slices - Math.round(slices)) < OFF_GRID;
  };
  if (said && said < smallest * (1 + OFF_GRID) && places.every(isOnStack(said))) return said;
  // rounded places add up over many slices: the mean step rather than the smallest
  const steps = gaps.reduce((sum, gap) => sum + Math.round(gap / smallest), 0);
  return (places.at(-1)! - places[0]!) / steps;
}

/** The grid that the frames lie on: from the first slice that has one to the last. */
function ownGrid({ file, frames, axes, sliceSpacing, rows, columns }: Segmentation): Grid {
  const { row, column, normal, spacing } = axes;
  const along = frames.map(({ position }) => dot(position, normal));
  const places = [...new Set(along)].sort((a, b) => a - b);
  const distance = sliceDistance(places, sliceSpacing);
  const first = frames[along.indexOf(places[0]!)]!.position;
  const depth = Math.round((places.at(-1)! - places[0]!) / distance) + 1;
  if (depth > MOST_SPARSE * places.length) {
    throw badInput(`${file.path}: ${places.length} slices on a stack of ${depth}; the header is damaged`);
  }
  const scaled = (direction: readonly number[], mm: number) => direction.map((value) => value * mm);
  const directions = [scaled(row, spacing[1]!), scaled(column, spacing[0]!), scaled(normal, distance)];
  checkVoxelCount([columns, rows, depth], file.path);
  return gridOfPlacement([depth, rows, columns], { directions, origin: first }, LPS, file.path);
}

/** The slice of a grid that each frame lies on. Bad input: a frame that lies between slices, or outside. */
function slicesOf({ file, frames, axes, rows, columns }: Segmentation, { shape, affine }: Grid): number[] {
  const outside = (why: string) =>
    badInput(`${file.path}: ${why}; expected a segmentation of this very image`);
  const [depth, height, width] = shape;
  if (rows !== height || columns !== width || !affine)
    throw outside(`its frames are ${columns} x ${rows} but the image's slices ${width} x ${height}`);
  const lps = (column: number) => [0 - affine[column]!, 0 - affine[4 + column]!, affine[8 + column]!];
  const [stepX, stepY, stepZ, origin] = [lps(0), lps(1), lps(2), lps(3)];
  const edges = [axes.row.map((v) => v * axes.spacing[1]!), axes.column.map((v) => v * axes.spacing[0]!)];
  const drift = Math.max(
    Math.hypot(...minus(stepX, edges[0]!)) * width,
    Math.hypot(...minus(stepY, edges[1]!)) * height,
  );
  const pixel = Math.min(...axes.spacing);
  if (drift > pixel / 2) throw outside("its pixels run otherwise than the image's");
  const normal = cross(stepX, stepY);
  const through = dot(stepZ, normal);
  return frames.map(({ position }) => {
    const slice = dot(minus(position, origin), normal) / through;
    const k = Math.round(slice);
    const place = origin.map((value, i) => value + k * stepZ[i]!);
    if (
      k < 0 ||
      k >= depth ||
      Math.abs(slice - k) > OFF_GRID ||
      Math.hypot(...minus(position, place)) > pixel / 2
    )
      throw outside(`a frame at (${position.join(", ")}) lies on none of the image's slices`);
    return k;
  });
}

/** Lays the frames of one segmentation into a label map. Bad input: two segments hold one voxel. */
async function loadLabels(segmentation: Segmentation, grid: Grid): Promise<Uint8Array> {
  const { file, rows, columns, frames, isBinary, most } = segmentation;
  const slices = slicesOf(segmentation, grid);
  const size = rows * columns;
  const labels = new Uint8Array(size * grid.shape[0]);
  const values = isBinary ? null : new Uint8Array(labels.length);
  const { start, length } = file.pixels!;
  const bytes = await readRaw(await openStored(file.path), start, length);
  const half = most / 2;
  for (const { index, segment } of frames) {
    const to = slices[index]! * size;
    for (let i = 0, from = index * size; i < size; i++, from++) {
      const value = isBinary ? bitAt(bytes, from) : bytes[from]!;
      if (value === 0 || (values && value < half)) continue;
      const held = labels[to + i]!;
      if (!values && held !== 0 && held !== segment) {
        throw badInput(
          `${file.path}: segments ${held} and ${segment} overlap; a label map holds one class for each voxel`,
        );
      }
      if (values && value <= values[to + i]!) continue;
      if (values) values[to + i] = value;
      labels[to + i] = segment;
    }
  }
  return labels;
}

/**
 * Opens a DICOM segmentation as a label map: class = segment number, at least half the largest value where it is
 * fractional. On the grid of the image that it belongs to where one is given, else on its own frames'.
 */
export function openSegmentation(file: DicomFile, onto: Grid | null = null): StoredImage {
  const segmentation = readingAttributes(file, () => parseSegmentation(file));
  const grid = onto ? { ...onto } : ownGrid(segmentation);
  slicesOf(segmentation, grid);
  const names = itemsOf(file.attributes, "x00620002").map(
    (segment) => `${segment.uint16("x00620004")} is ${segment.string("x00620005")}`,
  );
  return {
    path: file.path,
    format: "DICOM-SEG",
    grid,
    extents: [...grid.shape].reverse(),
    type: "u8",
    littleEndian: file.littleEndian,
    slope: 1,
    intercept: 0,
    odd: [
      `segments: ${names.join(", ")}${segmentation.isBinary ? "" : "; fractional, shown where at least half"}`,
    ],
    load: () => loadLabels(segmentation, grid),
  };
}
