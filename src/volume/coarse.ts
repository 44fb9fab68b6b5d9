import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { badInput } from "../errors.js";
import { NIFTI2_HEADER_BYTES, type NiftiHeader, parseNiftiHeader } from "./nifti-header.js";
import { openStored, readHead, type StoredFile } from "./stored-file.js";
import { bytesOf, toIntensities } from "./stored-image.js";
import { viewStored } from "./stored-voxels.js";
import type { Grid, Triple, Volume } from "./volume.js";

/**
 * Every k-th voxel along each axis of a NIfTI file (.nii, .nii.gz), k the least that leaves at most `longest` of them;
 * null for a header and image pair. The file is read once as a stream and never held: memory is that of the result.
 * Bad input: as `readVolume`.
 */
export async function readCoarse(path: string, longest: number): Promise<Volume | null> {
  const stored = await openStored(path);
  const header = parseNiftiHeader(await readHead(stored, NIFTI2_HEADER_BYTES), path);
  if (header.isPair) return null;
  const steps = header.grid.shape.map((n) => Math.ceil(n / longest)) as unknown as Triple;
  const raw = await pick(stored, header, steps);
  const { type, littleEndian, slope, intercept } = header;
  const data = toIntensities(viewStored(raw, type, littleEndian), slope, intercept);
  return { grid: coarseGrid(header.grid, steps), data };
}

const coarseShape = (shape: Triple, steps: Triple): Triple =>
  shape.map((n, axis) => Math.ceil(n / steps[axis]!)) as unknown as Triple;

/** The grid of voxels 0, k, 2k, ...: longer columns, the same origin. */
function coarseGrid({ shape, spacingMm, affine }: Grid, steps: Triple): Grid {
  const [kz, ky, kx] = steps;
  const columns = [kx, ky, kz, 1];
  return {
    shape: coarseShape(shape, steps),
    spacingMm: spacingMm && [spacingMm[0] * kz, spacingMm[1] * ky, spacingMm[2] * kx],
    affine: affine?.map((value, i) => value * columns[i % 4]!) ?? null,
  };
}

/** Rows come whole, cut out of the stream's chunks; of each that is kept, every kx-th voxel. */
async function pick(stored: StoredFile, header: NiftiHeader, steps: Triple): Promise<Uint8Array> {
  const { shape } = header.grid;
  const [, height, width] = shape;
  const size = bytesOf(header.type);
  const row = Buffer.alloc(width * size);
  const coarse = coarseShape(shape, steps);
  const picked = Buffer.alloc(coarse[0] * coarse[1] * coarse[2] * size);
  const rows = shape[0] * height;
  let [skip, filled, y, written] = [header.offset, 0, 0, 0];
  for await (const chunk of plainStream(stored)) {
    for (let at = 0; at < chunk.length && y < rows; ) {
      if (skip > 0) {
        const passed = Math.min(skip, chunk.length - at);
        skip -= passed;
        at += passed;
        continue;
      }
      const taken = Math.min(row.length - filled, chunk.length - at);
      const kept = (y % height) % steps[1] === 0 && Math.floor(y / height) % steps[0] === 0;
      if (kept) chunk.copy(row, filled, at, at + taken);
      filled += taken;
      at += taken;
      if (filled < row.length) continue;
      if (kept) {
        for (let x = 0; x < width; x += steps[2]) {
          written += row.copy(picked, written, x * size, (x + 1) * size);
        }
      }
      [filled, y] = [0, y + 1];
    }
    if (y === rows) return picked;
  }
  throw badInput(`${stored.path}: ends after ${y} of ${rows} rows of voxels; it is cut short`);
}

async function* plainStream({ path, gzip }: StoredFile): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1 << 20 });
  if (!gzip) return yield* file;
  const plain = createGunzip({ chunkSize: 1 << 20 });
  file.on("error", (error) => plain.destroy(error));
  try {
    yield* file.pipe(plain);
  } catch (cause) {
    throw badInput(`${path}: its gzip data is damaged or cut short (${(cause as Error).message})`, cause);
  } finally {
    file.destroy();
    plain.destroy();
  }
}
