/** What a compressed frame says of itself, before a decoder takes memory for it. */
export interface CompressedSize {
  readonly rows: number;
  readonly columns: number;
}

const SOI = 0xffd8;
const SCAN = 0xffda;
const EOI = 0xffd9;
/** Start of frame: lossless (ITU-T T.81), JPEG-LS (T.87). */
const FRAMES = new Set([0xffc3, 0xfff7]);
/** Other processes' starts of frame: C4, C8 and CC are none. */
const isOtherFrame = (marker: number): boolean =>
  marker >= 0xffc0 && marker <= 0xffcf && ![0xffc3, 0xffc4, 0xffc8, 0xffcc].includes(marker);
const LS_EXTENSION = 0xfff8;
const OVERSIZE = 4;
const J2K_START = 0xff4fff51;

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function frameOf(view: DataView, at: number): CompressedSize {
  if (view.getUint8(at + 9) !== 1) throw new Error(`${view.getUint8(at + 9)} components, expected 1`);
  if (view.getUint8(at + 11) !== 0x11) throw new Error("its pixels are subsampled");
  return { rows: view.getUint16(at + 5), columns: view.getUint16(at + 7) };
}

/** Refuses data without its end marker, zeros after it aside: the decoder of JPEG-LS looks for it through all its memory. */
function checkEnd(view: DataView): void {
  let end = view.byteLength;
  while (end > 2 && view.getUint8(end - 1) === 0) end--;
  if (end < 4 || view.getUint16(end - 2) !== EOI) throw new Error("its end is missing");
}

/** Size of a lossless JPEG or JPEG-LS frame. Throws an Error: no such frame, several starts, more than one component, no end. */
export function jpegSize(packed: Uint8Array): CompressedSize {
  const view = viewOf(packed);
  if (view.getUint16(0) !== SOI) throw new Error("no JPEG begins here");
  checkEnd(view);
  let size: CompressedSize | null = null;
  for (let at = 2; ; at += 2 + view.getUint16(at + 2)) {
    while (view.getUint16(at) === 0xffff) at++; // fill bytes
    const marker = view.getUint16(at);
    if (marker === SCAN) break;
    if (marker < 0xffc0 || isOtherFrame(marker))
      throw new Error(`marker ${marker.toString(16)} in its header`);
    if (marker === LS_EXTENSION && view.getUint8(at + 4) === OVERSIZE) throw new Error("it is oversized");
    if (!FRAMES.has(marker)) continue;
    if (size) throw new Error("it has two frames");
    size = frameOf(view, at);
  }
  if (size) return size;
  throw new Error("it has no lossless frame");
}

/** Size of a JPEG 2000 codestream (ITU-T T.800 A.5.1). Throws an Error: none, more than one component. */
export function jpeg2000Size(packed: Uint8Array): CompressedSize {
  const view = viewOf(packed);
  if (view.getUint32(0) !== J2K_START) throw new Error("no JPEG 2000 codestream begins here");
  const [width, height, left, top] = [8, 12, 16, 20].map((at) => view.getUint32(at));
  if (view.getUint16(40) !== 1) throw new Error(`${view.getUint16(40)} components, expected 1`);
  if (view.getUint16(43) !== 0x0101) throw new Error("its pixels are subsampled");
  return { rows: height! - top!, columns: width! - left! };
}
