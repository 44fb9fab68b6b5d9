import h5 from "h5wasm";
import { badInput, PenumbraError } from "../errors.js";
import { type H5File, withH5File } from "./h5-library.js";
import { openStored, readBytes, readHead } from "./stored-file.js";
import { type StoredImage, type StoredType, toLabels } from "./stored-image.js";
import { type Grid, type LabelMap, type Triple, type Volume, voxelCount } from "./volume.js";

/** One case as the semi-supervised literature passes the left atrium around. */
export interface H5Case {
  readonly image: Volume;
  readonly label: LabelMap | null;
}

/** HDF5's number of the class of floating point types. */
const HDF5_FLOAT = 1;
const SIGNATURE = "\x89HDF\r\n\x1a\n";
/** The library unpacks into 32-bit memory; well over any scan in this layout. */
const MAX_VOXELS = 2 ** 27;
const MAX_FILE_BYTES = 2 ** 30;
/** Deflate's limit: more than this times the file's bytes can't be in it. */
const MAX_RATIO = 1032;

/** Chunks are unpacked whole; a file whose data may grow can have chunks larger than its data, up to this. */
const MAX_SPARE_CHUNK_BYTES = 2 ** 26;

/** Opens, does the work, closes; the library's own errors become bad input that names the file. */
async function withH5<T>(path: string, work: (file: H5File, size: number) => T): Promise<T> {
  const stored = await openStored(path);
  const head = Buffer.from(await readHead(stored, SIGNATURE.length)).toString("latin1");
  if (head !== SIGNATURE) throw badInput(`${path}: not an HDF5 file; expected the datasets image and label`);
  if (stored.size > MAX_FILE_BYTES) {
    throw badInput(`${path}: ${stored.size} bytes; HDF5 files of at most ${MAX_FILE_BYTES} are read`);
  }
  const bytes = await readBytes(stored, 0, stored.size);
  try {
    return await withH5File(bytes, (file) => work(file, stored.size));
  } catch (cause) {
    if (cause instanceof PenumbraError) throw cause;
    const reason = (cause instanceof Error ? cause.message : String(cause)).split("\n")[0];
    throw badInput(`${path}: HDF5 file that is damaged or of a kind that is not read (${reason})`, cause);
  }
}

/** Stored (x, y, z) with z fastest -> [D, H, W] = [z, y, x] with x fastest. */
export function reverseAxes<T extends Float32Array | Uint8Array>(stored: T, [d, h, w]: Triple): T {
  const out = new (stored.constructor as new (length: number) => T)(stored.length);
  for (let x = 0, i = 0; x < w; x++)
    for (let y = 0; y < h; y++) for (let z = 0; z < d; z++) out[(z * h + y) * w + x] = stored[i++]!;
  return out;
}

interface Stored {
  readonly shape: Triple;
  readonly values: Float32Array;
}

interface Checked {
  readonly dataset: InstanceType<typeof h5.Dataset>;
  readonly shape: Triple;
  readonly type: StoredType;
}

function checkedDataset(file: H5File, name: string, path: string, size: number): Checked {
  const dataset = file.get(name);
  if (!(dataset instanceof h5.Dataset)) throw badInput(`${path}: ${name} is not a dataset`);
  const stored = dataset.shape ?? [];
  if (stored.length !== 3 || !stored.every((n) => n > 0)) {
    throw badInput(`${path}: dataset ${name} is [${stored.join(", ")}]; expected three axes (x, y, z)`);
  }
  const shape = [...stored].reverse() as unknown as Triple;
  const { size: voxelBytes, type: kind, signed } = dataset.metadata;
  if (voxelCount(shape) > MAX_VOXELS || voxelCount(shape) * voxelBytes > size * MAX_RATIO) {
    throw badInput(
      `${path}: dataset ${name} claims [${stored.join(", ")}] voxels, which ${size} bytes can't hold`,
    );
  }
  const bytes = voxelCount(shape) * voxelBytes;
  const chunk = (dataset.metadata.chunks ?? []).reduce((product, n) => product * n, voxelBytes);
  if (!(chunk <= Math.max(bytes, MAX_SPARE_CHUNK_BYTES))) {
    throw badInput(
      `${path}: dataset ${name} of ${bytes} bytes claims chunks of ${chunk}; the file is damaged`,
    );
  }
  const letter = kind === HDF5_FLOAT ? "f" : signed ? "i" : "u";
  return { dataset, shape, type: `${letter}${8 * voxelBytes}` as StoredType };
}

function readDataset(file: H5File, name: string, path: string, size: number): Stored {
  const { dataset, shape } = checkedDataset(file, name, path, size);
  const { value } = dataset;
  if (!ArrayBuffer.isView(value)) throw badInput(`${path}: dataset ${name} holds no numbers`);
  const isBig = value instanceof BigInt64Array || value instanceof BigUint64Array;
  const numbers = isBig ? Array.from(value, Number) : (value as unknown as ArrayLike<number>);
  return { shape, values: numbers instanceof Float32Array ? numbers : new Float32Array(numbers) };
}

const gridOf = (shape: Triple): Grid => ({ shape, spacingMm: null, affine: null });

const withoutImage = (path: string, names: readonly string[]) =>
  badInput(`${path}: has the datasets [${names.join(", ")}]; expected image, and label where labeled`);

/** Opens the `image` of an h5 case, or else its `label`. */
export const openH5 = (path: string): Promise<StoredImage> =>
  withH5(path, (file, size) => {
    const names = file.keys();
    const name = names.includes("image") ? "image" : "label";
    if (!names.includes(name)) throw withoutImage(path, names);
    const { shape, type } = checkedDataset(file, name, path, size);
    return {
      path,
      format: "HDF5",
      grid: gridOf(shape),
      extents: [...shape].reverse(),
      type,
      littleEndian: true,
      slope: 1,
      intercept: 0,
      odd: ["no voxel size, no position and no orientation are stored"],
      load: () => withH5(path, (again) => reverseAxes(readDataset(again, name, path, size).values, shape)),
    };
  });

/** Whether an h5 case has a `label` dataset. Bad input as `readH5Case`. */
export const h5HasLabel = (path: string): Promise<boolean> =>
  withH5(path, (file) => file.keys().includes("label"));

/**
 * Reads `<case>/mri_norm2.h5` (Yu et al. 2019): datasets `image` (float) and maybe `label` (integers), stored
 * (x, y, z); axes are reversed to [D, H, W] = [z, y, x]. The files store no spacing and no affine: both are null.
 * Bad input: missing, not HDF5 or damaged, no `image`, not three axes, a label that is no class, shapes that differ.
 */
export const readH5Case = (path: string): Promise<H5Case> =>
  withH5(path, (file, size) => {
    const names = file.keys();
    if (!names.includes("image")) throw withoutImage(path, names);
    const image = readDataset(file, "image", path, size);
    const grid = gridOf(image.shape);
    const volume: Volume = { grid, data: reverseAxes(image.values, image.shape) };
    if (!names.includes("label")) return { image: volume, label: null };
    const label = readDataset(file, "label", path, size);
    if (label.shape.some((n, axis) => n !== image.shape[axis])) {
      throw badInput(
        `${path}: label is [${label.shape.join(", ")}] but image is [${image.shape.join(", ")}] (D, H, W)`,
      );
    }
    return { image: volume, label: { grid, data: reverseAxes(toLabels(label.values, path), label.shape) } };
  });
