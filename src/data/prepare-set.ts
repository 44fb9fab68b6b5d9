import { availableParallelism } from "node:os";
import { freeMemory } from "../machine-memory.js";
import { openChannels } from "../volume/read-channels.js";
import { type Grid, voxelCount } from "../volume/volume.js";
import { defaultCacheDir } from "./cache-directory.js";
import { findPrepared } from "./case-cache.js";
import type { StoredCase } from "./case-file.js";
import type { PrepareJob } from "./case-job.js";
import { doCaseJobs, type PoolOptions } from "./case-pool.js";
import type { CaseFiles } from "./dataset.js";
import { imagePathsOf } from "./image-paths.js";
import { atSpacing } from "./placement.js";
import type { PrepareOptions } from "./prepare.js";

export interface PrepareSetOptions extends Omit<PoolOptions, "workers"> {
  /** Folder of the cache; left out: ~/.cache/penumbra. */
  readonly cache?: string;
  /** Threads that work side by side, as far as memory allows; 0: one case after another. Left out: one for each core. */
  readonly workers?: number;
}

/**
 * Bytes at once for each voxel, stored or resampled, whichever are more, while a case is prepared: packed file, image, label
 * and region, then their resampled copies and what is cut out of those (measured: up to 16 of 5 to 10 times as many voxels).
 */
const BYTES_PER_VOXEL = 20;
/** Share of free memory that preparation may fill. */
const MEMORY_SHARE = 0.7;
/** Headers that are read to know how large cases are. */
const LOOKED_AT = 8;

/** What the memory that a case takes hangs on. */
type SizeOptions = Pick<PrepareOptions, "channels" | "spacingMm">;

/** Voxels of a channel as stored or resampled, whichever are more; in whatever order its axes are, they are as many. */
function mostVoxels(grid: Grid, { spacingMm = null }: SizeOptions): number {
  const { resampled } = atSpacing(grid, grid.spacingMm && spacingMm);
  return Math.max(voxelCount(grid.shape), voxelCount(resampled.shape));
}

/** Voxels of the largest of a few cases, of all channels, spread over the list; 0 where none says. */
async function largestOf(cases: readonly CaseFiles[], options: SizeOptions): Promise<number> {
  const { channels = 1 } = options;
  const every = Math.ceil(cases.length / LOOKED_AT);
  const some = cases.filter((_, i) => i % every === 0);
  const sizes = some.map(async (files) => {
    const image = await openChannels(imagePathsOf(files), channels).catch(() => null);
    return image ? mostVoxels(image.grid, options) * channels : 0;
  });
  return Math.max(...(await Promise.all(sizes)));
}

/** As many threads as are asked for, have a case to do, and fit into free memory; 0 stays 0. */
export async function threadsFor(
  cases: readonly CaseFiles[],
  workers = availableParallelism(),
  options: SizeOptions = {},
): Promise<number> {
  if (workers === 0 || cases.length === 0) return 0;
  const bytes = (await largestOf(cases, options)) * BYTES_PER_VOXEL;
  const fitting = bytes > 0 ? Math.floor((freeMemory() * MEMORY_SHARE) / bytes) : workers;
  return Math.max(1, Math.min(workers, fitting, cases.length));
}

/** Threads where the configuration asks for some: one for each core. */
export const allCores = (workers: number): number => (workers === 0 ? 0 : availableParallelism());

/**
 * The cases of a set in files of the cache: those that are there are found, the others are prepared side by side. The
 * order is the cases'. Progress counts the cases that had to be prepared.
 * @throws PenumbraError as `prepareIntoCache`; "interrupted" by `signal`: what is done stays in the cache.
 */
export async function prepareSet(
  cases: readonly CaseFiles[],
  options: PrepareOptions,
  { cache = defaultCacheDir(), workers, ...pool }: PrepareSetOptions = {},
): Promise<StoredCase[]> {
  const found: (StoredCase | null)[] = [];
  for (const files of cases) found.push(await findPrepared(files, options, cache));
  const missing = cases.filter((_, i) => found[i] === null);
  const jobs = missing.map((files): PrepareJob => ({ kind: "prepare", files, options, cache }));
  const prepared = await doCaseJobs(jobs, {
    ...pool,
    workers: await threadsFor(missing, workers, options),
  });
  let next = 0;
  return found.map((stored) => stored ?? prepared[next++]!);
}
