import { NVImage } from "@niivue/niivue";
import { type NIFTI1, type NIFTI2, readHeader } from "nifti-reader-js";
import { CoarseVolume, type FileSize } from "./coarse-volume.js";
import { intensityRange, type Range } from "./intensity-range.js";

export interface LoadOptions {
  /** Part of the voxels that came, 0 to 1. */
  readonly onPart?: (part: number) => void;
  /** What a large volume looks like so far: first when its middle has come, then now and then. */
  readonly onCoarse?: (coarse: NVImage) => void;
  /** Where slices go as they come. */
  readonly sink?: (size: FileSize) => SliceSink;
}

/** Takes whole slices while a volume comes; of whole numbers of 8 or 16 bits only. */
export interface SliceSink {
  /** @param come slices that are there */
  take(voxels: Uint8Array | Int8Array | Uint16Array | Int16Array, come: number): void;
}

/** Volumes with more voxels are shown coarsely while they come. */
const COARSE_FROM_VOXELS = 4_000_000;
/** Voxels along an axis of the coarse picture. */
const COARSE_EDGE = 128;
const COARSE_EVERY_MS = 1000;
/** Header of NIfTI-2, the longer one, which begins with its own size. */
const NIFTI2_SIZE = 540;
const MOST_HEADER_BYTES = NIFTI2_SIZE;

type Header = NIFTI1 | NIFTI2;

/** A volume as the server answers it (one plain NIfTI file); voxels are not copied once they are in the page. */
export async function loadVolume(
  asked: Promise<Response>,
  { onPart, onCoarse, sink }: LoadOptions = {},
): Promise<NVImage> {
  const answer = await asked.catch(notWhole);
  if (!answer.ok) throw new Error((await answer.text()).trim());
  const reader = answer.body!.getReader();
  const { head, header, rest } = await readHead(reader);
  const voxels = new Uint8Array(
    sizeOf(header).reduce((product, n) => product * n, header.numBitsPerVoxel / 8),
  );
  const preview = onCoarse && new Preview(head, header, onCoarse);
  const slices = sink && slicesInto(sink(sizeOf(header)), header, voxels.buffer);
  let come = 0;
  for (let chunk: Uint8Array | null = rest; chunk; chunk = await nextOf(reader)) {
    voxels.set(chunk.subarray(0, voxels.length - come), come);
    come = Math.min(voxels.length, come + chunk.length);
    onPart?.(come / voxels.length);
    slices?.(come);
    preview?.grow(voxels, come);
  }
  if (come < voxels.length)
    throw new Error(`the file ends after ${come} of ${voxels.length} bytes of voxels: damaged or cut short`);
  return imageOf(headerOf(head), voxels.buffer);
}

/** NIfTI's types whose voxels can be shown as they lie in the file. */
const WHOLE_NUMBERS: Readonly<Record<number, new (bytes: ArrayBuffer) => Parameters<SliceSink["take"]>[0]>> =
  {
    2: Uint8Array,
    4: Int16Array,
    512: Uint16Array,
  };

/** Hands slices on as bytes come; null where voxels have to be looked at first. */
function slicesInto(sink: SliceSink, header: Header, bytes: ArrayBuffer): ((come: number) => void) | null {
  const Voxels = WHOLE_NUMBERS[header.datatypeCode];
  if (!Voxels || (!header.littleEndian && header.numBitsPerVoxel > 8)) return null;
  const voxels = new Voxels(bytes);
  const [width, height] = sizeOf(header);
  const sliceBytes = (width * height * header.numBitsPerVoxel) / 8;
  return (come) => sink.take(voxels, Math.floor(come / sliceBytes));
}

/** The browser says "network error" for all but what the page itself broke off. */
function notWhole(error: Error): never {
  if (error.name === "AbortError") throw error;
  throw new Error("the file did not come whole: it is damaged, or the server has ended");
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function nextOf(reader: Reader): Promise<Uint8Array | null> {
  const { done, value } = await reader.read().catch(notWhole);
  return done ? null : value;
}

/** A file's bytes up to its first voxel, and what came with them. */
async function readHead(
  reader: Reader,
): Promise<{ head: Uint8Array<ArrayBuffer>; header: Header; rest: Uint8Array }> {
  let come = new Uint8Array(0);
  let header: Header | null = null;
  while (!header || come.length < header.vox_offset) {
    const chunk = await nextOf(reader);
    if (!chunk) throw new Error("the file ends within its header: damaged or cut short");
    const more = new Uint8Array(come.length + chunk.length);
    more.set(come);
    more.set(chunk, come.length);
    come = more;
    if (!header && come.length >= MOST_HEADER_BYTES) header = headerOf(come);
  }
  return { head: come.slice(0, MOST_HEADER_BYTES), header, rest: come.subarray(header.vox_offset) };
}

/** Where both codes are 0 nothing is known of the patient. */
export const isPlaced = (image: NVImage): boolean =>
  [image.hdr?.sform_code, image.hdr?.qform_code].some((code = 0) => code > 0);

/** By the sform where there is one, as Penumbra reads it; without a place as it is stored, as scanners store axial series. */
function headerOf(bytes: Uint8Array<ArrayBuffer>): Header {
  const head = bytes.slice(0, MOST_HEADER_BYTES);
  let header = readHeader(head.buffer, true);
  if (header.sform_code > 0 && header.qform_code > 0) {
    const isNifti2 = new DataView(head.buffer).getInt32(0, header.littleEndian) === NIFTI2_SIZE;
    if (isNifti2) head.fill(0, 344, 348);
    else head.fill(0, 252, 254); // qform_code
    header = readHeader(head.buffer, true);
  }
  if (header.sform_code < 1 && header.qform_code < 1) {
    header.affine[0]![0] = -header.pixDims[1]!;
    header.affine[1]![1] = -header.pixDims[2]!;
  }
  header.cal_min = 0; // the window comes from the voxels, not from what some writer left here
  header.cal_max = 0;
  return header;
}

/** Of the first volume. */
const sizeOf = ({ dims }: Header): FileSize =>
  [1, 2, 3].map((axis) => Math.max(1, dims[axis]!)) as unknown as FileSize;

function imageOf(header: Header, voxels: ArrayBuffer): NVImage {
  const image = new NVImage();
  header.dims = [3, ...sizeOf(header), 1, 1, 1, 1];
  image.hdr = header;
  image.calMinMax = () => calibrated(image);
  const nowhere = Number.NaN;
  image.init(
    ...([voxels, "volume.nii", "gray", 1, null, nowhere, nowhere, true, 0.02, false, false, "", 0] as const),
    ...([undefined, nowhere, nowhere, true, null, 0, voxels] as const),
  );
  return image;
}

/**
 * In the place of NiiVue's, which looks for the lowest and highest intensity in the middle of a scan only, where a CT may have
 * no air, and parts what lies between into a thousand steps, of which one voxel out of range leaves all others one.
 */
function calibrated(image: NVImage): number[] {
  const { scl_slope, scl_inter } = image.hdr!;
  const { whole, robust } = intensityRange(image.img!, sizeOf(image.hdr as Header));
  const scaled = (range: Range) =>
    range.map((value) => value * scl_slope + scl_inter).sort((a, b) => a - b) as unknown as Range;
  const [[robust_min, robust_max], [global_min, global_max]] = [scaled(robust), scaled(whole)];
  Object.assign(image, { robust_min, robust_max, global_min, global_max });
  Object.assign(image, { cal_min: robust_min, cal_max: robust_max });
  return [robust_min, robust_max, global_min, global_max];
}

/** Coarse pictures of a volume that is coming. */
class Preview {
  readonly #coarse: CoarseVolume | null;
  readonly #bytes: number;
  #shownAt = 0;

  constructor(
    readonly head: Uint8Array<ArrayBuffer>,
    header: Header,
    readonly show: (coarse: NVImage) => void,
  ) {
    const size = sizeOf(header);
    const voxels = size.reduce((product, n) => product * n, 1);
    const voxelBytes = header.numBitsPerVoxel / 8;
    this.#bytes = voxels * voxelBytes;
    this.#coarse = voxels > COARSE_FROM_VOXELS ? new CoarseVolume(size, voxelBytes, COARSE_EDGE) : null;
  }

  grow(voxels: Uint8Array, come: number): void {
    if (!this.#coarse) return;
    this.#coarse.take(voxels, come);
    const isDue =
      this.#shownAt > 0 ? performance.now() - this.#shownAt > COARSE_EVERY_MS : come >= 0.55 * this.#bytes;
    if (!isDue || come === this.#bytes) return;
    this.show(this.#image(this.#coarse));
    this.#shownAt = performance.now();
  }

  /** Longer columns, the same origin. */
  #image(coarse: CoarseVolume): NVImage {
    const { size, steps } = coarse;
    const header = headerOf(this.head);
    header.dims = [3, ...size, 1, 1, 1, 1];
    for (const axis of [0, 1, 2] as const) {
      header.pixDims[axis + 1]! *= steps[axis];
      for (const row of [0, 1, 2]) header.affine[row]![axis]! *= steps[axis];
    }
    return imageOf(header, coarse.voxels());
  }
}
