import { badInput } from "../errors.js";
import { openImage } from "./format.js";
import { isSameShape, offsetFrom } from "./grid-distance.js";
import { checkSize, openVolume } from "./read.js";
import { type StoredImage, toIntensities } from "./stored-image.js";
import { type Grid, voxelCount } from "./volume.js";

/** An image of one or more channels, all on one grid; voxels are read by `load`. */
export interface ChannelImage {
  /** The file of the first channel, or the one that holds all. */
  readonly first: StoredImage;
  readonly grid: Grid;
  readonly count: number;
  /** Intensities of each channel, [D, H, W]. Bad input: cut short or damaged data. */
  readonly load: () => Promise<Float32Array[]>;
}

const channelsOf = (count: number): string => `${count} channel${count === 1 ? "" : "s"}`;

/** Volumes along the fourth axis, and further ones. */
const volumesIn = ({ extents }: StoredImage): number =>
  extents.slice(3).reduce((product, n) => product * n, 1);

/** Whether a file holds several volumes, which may be channels. */
export const holdsChannels = (image: StoredImage): boolean => volumesIn(image) > 1;

/** One file that holds all channels, the last of its axes; the first one is as good as a file of one volume. */
async function openTogether(path: string, count: number): Promise<ChannelImage> {
  const first = await openImage(path);
  const { extents, grid, slope, intercept, load } = first;
  const found = volumesIn(first);
  if (found !== count || extents.length > 4) {
    const holds = found === 1 ? "one volume" : `${found} volumes (${extents.join(" x ")})`;
    const inFiles = count > 1 && found === 1 ? ", or name the files of all channels" : "";
    throw badInput(`${path}: holds ${holds}; expected ${channelsOf(count)}${inFiles}`);
  }
  checkSize(first);
  const voxels = voxelCount(grid.shape);
  const loadAll = async () => {
    const stored = await load();
    return Array.from({ length: count }, (_, c) =>
      toIntensities(stored.subarray(c * voxels, (c + 1) * voxels), slope, intercept),
    );
  };
  return { first, grid, count, load: loadAll };
}

/** Bad input: another shape than the first channel's, or more than a voxel away from it where both say where they lie. */
function checkOnGrid(one: StoredImage, first: StoredImage): void {
  const [own, grid] = [one.grid, first.grid];
  if (!isSameShape(own.shape, grid.shape)) {
    throw badInput(
      `${one.path}: has ${one.extents.slice(0, 3).join(" x ")} voxels but ${first.path} has ${first.extents.slice(0, 3).join(" x ")}; channels of a case must be on one grid`,
    );
  }
  const off = offsetFrom(grid, own);
  if (off) {
    throw badInput(
      `${one.path}: lies up to ${off.mm.toFixed(2)} mm from ${first.path} (${off.voxels.toFixed(1)} voxels along an axis); channels of a case must be on one grid, resample it onto the first`,
    );
  }
}

/** A file for each channel, in their order. */
async function openSeparately(paths: readonly string[]): Promise<ChannelImage> {
  const images: StoredImage[] = [];
  for (const path of paths) images.push(await openVolume(path));
  const first = images[0]!;
  for (const one of images.slice(1)) checkOnGrid(one, first);
  const loadAll = async () => {
    const channels: Float32Array[] = [];
    for (const { slope, intercept, load } of images)
      channels.push(toIntensities(await load(), slope, intercept));
    return channels;
  };
  return { first, grid: first.grid, count: images.length, load: loadAll };
}

/**
 * Opens an image of `count` channels: one file whose fourth axis they are (the Decathlon's way), or a file for each
 * (nnU-Net's). No voxel is read. Bad input, naming the file: what `readVolume` refuses, another number of channels,
 * files that are not on one grid.
 */
export async function openChannels(paths: readonly string[], count: number): Promise<ChannelImage> {
  if (paths.length > 1 && paths.length !== count)
    throw badInput(`${paths[0]}: is one of ${paths.length} files; expected ${channelsOf(count)}`);
  if (paths.length > 1) return openSeparately(paths);
  return count > 1 ? openTogether(paths[0]!, count) : openSeparately(paths);
}
