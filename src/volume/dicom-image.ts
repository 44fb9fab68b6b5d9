import { badInput } from "../errors.js";
import type { DecodeFrame, FrameSize } from "./dicom-codecs.js";
import { type DicomFile, packedFrames, readingAttributes } from "./dicom-file.js";
import { type DicomFrame, frameCount, framesOf, type PixelLayout } from "./dicom-frame.js";
import { stackFrames } from "./dicom-stack.js";
import { openStored, readRaw } from "./stored-file.js";
import { bytesOf, checkVoxelCount, type Format, type StoredArray, type StoredImage } from "./stored-image.js";
import { newStored, viewStored } from "./stored-voxels.js";
import type { Grid } from "./volume.js";

function sharedLayout(frames: readonly DicomFrame[], source: string): PixelLayout {
  const [first, ...others] = frames;
  const { layout } = first!;
  const keys = ["rows", "columns", "type", "littleEndian", "photometric"] as const;
  for (const { layout: other, file } of others) {
    const key = keys.find((name) => other[name] !== layout[name]);
    if (key) {
      throw badInput(
        `${source}: ${file.path} differs from the other slices in its ${key} (${other[key]}, not ${layout[key]}); keep those of one volume`,
      );
    }
  }
  return layout;
}

/** Bits over those that are used may hold anything: extends the sign over them, or clears them. */
function clearUnusedBits(pixels: StoredArray, { type, bitsStored }: PixelLayout): void {
  const unused = bytesOf(type) * 8 - bitsStored;
  if (unused === 0 || pixels instanceof BigInt64Array || pixels instanceof BigUint64Array) return;
  const shift = 32 - bitsStored;
  const isSigned = type.startsWith("i");
  for (let i = 0; i < pixels.length; i++) {
    const high = pixels[i]! << shift;
    pixels[i] = isSigned ? high >> shift : high >>> shift;
  }
}

/** Reads the pixels of frames; a file of several compressed frames is gone through once. */
class PixelReader {
  #path = "";
  #packed: ((index: number, count: number) => Uint8Array) | null = null;

  async read(frame: DicomFrame): Promise<StoredArray> {
    const { file, layout, start } = frame;
    const { rows, columns, type } = layout;
    const size = { rows, columns, bytesPerPixel: bytesOf(type) };
    const length = rows * columns * size.bytesPerPixel;
    const bytes = file.decode
      ? await this.#unpack(frame, file.decode, size)
      : await readRaw(await openStored(file.path), start, length);
    if (bytes.length !== length) {
      throw badInput(`${file.path}: its pixels take ${bytes.length} bytes unpacked, expected ${length}`);
    }
    const pixels = viewStored(bytes, layout.type, layout.littleEndian);
    clearUnusedBits(pixels, layout);
    return pixels;
  }

  async #unpack({ file, number }: DicomFrame, decode: DecodeFrame, size: FrameSize): Promise<Uint8Array> {
    if (this.#path !== file.path) {
      this.#packed = await packedFrames(file);
      this.#path = file.path;
    }
    try {
      return await decode(this.#packed!((number ?? 1) - 1, frameCount(file)), size);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw badInput(`${file.path}: its compressed pixels are damaged (${reason})`, cause);
    }
  }
}

/** All slices one after another; scaled to float32 where slices scale differently, else as stored. */
async function loadFrames(frames: readonly DicomFrame[], scaled: boolean): Promise<StoredArray> {
  const { rows, columns, type } = frames[0]!.layout;
  const size = rows * columns;
  const reader = new PixelReader();
  const first = await reader.read(frames[0]!); // before memory is taken for all of them
  const all = newStored(scaled ? "f32" : type, size * frames.length);
  for (const [i, frame] of frames.entries()) {
    const pixels = i === 0 ? first : await reader.read(frame);
    const { slope, intercept } = frame;
    if (scaled) {
      const values = pixels as Int16Array; // 8 to 32 bits, never big integers
      for (let k = 0; k < size; k++) all[i * size + k] = values[k]! * slope + intercept;
    } else {
      (all as Int16Array).set(pixels as Int16Array, i * size);
    }
  }
  return all;
}

/** An image of 2-D frames that say no place: one slice of pixels. */
function unplacedGrid(frames: readonly DicomFrame[], source: string): Grid {
  const { layout, pixelSpacing } = frames[0]!;
  if (frames.length > 1)
    throw badInput(`${source}: ${frames.length} frames that say no position, a film; expected a volume`);
  const spacing = pixelSpacing && ([1, pixelSpacing[0]!, pixelSpacing[1]!] as const);
  return { shape: [1, layout.rows, layout.columns], spacingMm: spacing, affine: null };
}

const isScalable = ({ slope, intercept }: DicomFrame) => Number.isFinite(slope) && Number.isFinite(intercept);

/** Frames, in any order, as one image. Bad input: what makes no volume of even spacing. */
export function imageOfFrames(
  unordered: readonly DicomFrame[],
  path: string,
  format: Format,
  odd: readonly string[] = [],
): { image: StoredImage; frames: readonly DicomFrame[] } {
  const layout = sharedLayout(unordered, path);
  const extents = [layout.columns, layout.rows, unordered.length];
  checkVoxelCount(extents, path);
  const unscalable = unordered.find((frame) => !isScalable(frame));
  if (unscalable) throw badInput(`${unscalable.file.path}: its rescale slope or intercept is no number`);
  const isPlaced = unordered.some(({ position, orientation }) => position && orientation);
  const { frames, grid } = isPlaced
    ? stackFrames(unordered, [layout.columns, layout.rows], path)
    : { frames: unordered, grid: unplacedGrid(unordered, path) };
  const { slope, intercept } = frames[0]!;
  const scaled = frames.some((frame) => frame.slope !== slope || frame.intercept !== intercept);
  const image: StoredImage = {
    path,
    format,
    grid,
    extents,
    type: layout.type,
    littleEndian: layout.littleEndian,
    slope: scaled ? 1 : slope,
    intercept: scaled ? 0 : intercept,
    odd: [...odd, ...oddities(frames, grid, scaled)],
    load: () => loadFrames(frames, scaled),
  };
  return { image, frames };
}

const TILT_DEGREES = 0.5;
/** How far, of 1, the directions of an axial slice may run along the patient. */
const AXIAL = 1e-3;

/** The gantry's tilt in degrees where the header has one but axial slices lie straight above one another; else null. */
function straightenedTilt(frames: readonly DicomFrame[]): number | null {
  const [{ file, orientation }] = frames as [DicomFrame];
  const tilt = readingAttributes(file, () => file.attributes.floatString("x00181120")) ?? 0;
  const isAxial = orientation && Math.hypot(orientation[2]!, orientation[5]!) < AXIAL;
  return frames.length > 1 && isAxial && Math.abs(tilt) > TILT_DEGREES ? tilt : null;
}

function oddities(frames: readonly DicomFrame[], { spacingMm, affine }: Grid, scaled: boolean): string[] {
  const [{ layout, file }] = frames as [DicomFrame];
  const thickness = readingAttributes(file, () => file.attributes.floatString("x00180050"));
  const apart = spacingMm?.[0];
  const tilt = straightenedTilt(frames);
  const mismatch = thickness && apart && frames.length > 1 && Math.abs(thickness - apart) > 0.01 * apart;
  return [
    ...(affine ? [] : ["no position and no orientation are stored"]),
    ...(frames.length === 1 ? ["one slice"] : []),
    ...(scaled ? ["slices have rescale slopes of their own"] : []),
    ...(layout.photometric === "MONOCHROME1"
      ? ["shown inverted (MONOCHROME1); intensities are as stored"]
      : []),
    ...(tilt
      ? [`the gantry was tilted by ${tilt} degrees, but slices lie straight: taken as corrected for the tilt`]
      : []),
    ...(mismatch ? [`slices are ${thickness} mm thick but ${apart.toFixed(3)} mm apart`] : []),
  ];
}

/** A single file: one slice, or a multi-frame volume. */
export const openDicomImage = (file: DicomFile): StoredImage =>
  imageOfFrames(framesOf(file), file.path, "DICOM file").image;
