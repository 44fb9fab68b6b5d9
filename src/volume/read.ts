import { badInput } from "../errors.js";
import { niftiAffine } from "./affine.js";
import { openImage } from "./format.js";
import { isSameShape, voxelsApart } from "./grid-distance.js";
import { type StoredImage, toIntensities, toLabels } from "./stored-image.js";
import type { Grid, LabelMap, Volume } from "./volume.js";

/** An image thinner than this is taken only where its slices are large: 2-D images and thin stacks. */
const MIN_EDGE_VOXELS = 4;
const MIN_SLICE_EDGE_VOXELS = 16;

/** Refuses images too small to segment. */
export function checkSize({ path, extents }: StoredImage): void {
  const [, middle, largest] = extents.slice(0, 3).sort((a, b) => a - b);
  const isVolume = extents.slice(0, 3).every((n) => n >= MIN_EDGE_VOXELS);
  if (isVolume || (middle! >= MIN_SLICE_EDGE_VOXELS && largest! >= MIN_SLICE_EDGE_VOXELS)) return;
  throw badInput(
    `${path}: an image of only ${extents.slice(0, 3).join(" x ")} voxels; expected at least ${MIN_EDGE_VOXELS} along every axis, or slices of ${MIN_SLICE_EDGE_VOXELS} x ${MIN_SLICE_EDGE_VOXELS}`,
  );
}

function checkOneVolume({ path, extents }: StoredImage): void {
  if (extents.slice(3).every((n) => n === 1)) return;
  throw badInput(
    `${path}: a ${extents.length}-D image of ${extents.join(" x ")}; expected one 3-D volume, split it first`,
  );
}

/** Opens one volume that is large enough to segment; no voxel is read. Bad input: what `readVolume` refuses before that. */
export async function openVolume(path: string): Promise<StoredImage> {
  const image = await openImage(path);
  checkOneVolume(image);
  checkSize(image);
  return image;
}

/**
 * Reads a 3-D image. Intensities are after slope and intercept; [D, H, W] is the file's own order, x fastest. Nothing
 * is reoriented: a result written with this grid lies exactly on the image.
 * Bad input (one line naming the file): missing, damaged, cut short, of no known format, 4-D, complex or color, or
 * too small to segment; refused before memory is taken for what a header merely claims.
 */
export async function readVolume(path: string): Promise<Volume> {
  const { grid, slope, intercept, load } = await openVolume(path);
  return { grid, data: toIntensities(await load(), slope, intercept) };
}

/** Only the grid of an image, from its header. Bad input: what `readVolume` refuses before it reads voxels. */
export const readGrid = async (path: string): Promise<Grid> => (await openVolume(path)).grid;

/** A label that was saved with its image's stored numbers but without their unit lies as its image does: most tools ignore units. */
function inUnitOf(image: Grid, label: Grid): Grid {
  const [own, other] = [image, label].map(
    ({ nifti, shape }) => nifti && niftiAffine({ ...nifti, unitMm: 1 }, shape),
  );
  const isSame =
    own &&
    other &&
    image.nifti!.unitMm !== label.nifti!.unitMm &&
    isSameShape(image.shape, label.shape) &&
    voxelsApart(own, other, image.shape) <= 1;
  return isSame ? image : label;
}

/**
 * Reads a label map, stored as integers or floats, or a DICOM segmentation. `onto`: the grid of the image that it
 * belongs to, which a segmentation's frames, stored only where something is, are laid onto, and on which a NIfTI label lies
 * that stores the same numbers in another unit. As `readVolume`; also bad input: a value that is no class, a segmentation of
 * another image.
 */
export async function readLabelMap(path: string, onto: Grid | null = null): Promise<LabelMap> {
  if (/\.(h5|hdf5)$/i.test(path)) return readH5Label(path);
  const image = await openImage(path, onto);
  checkOneVolume(image);
  const { grid, slope, intercept, load } = image;
  return { grid: onto ? inUnitOf(onto, grid) : grid, data: toLabels(await load(), path, slope, intercept) };
}

async function readH5Label(path: string): Promise<LabelMap> {
  const { label } = await (await import("./read-h5.js")).readH5Case(path);
  if (label) return label;
  throw badInput(`${path}: has no label dataset`);
}
