import { type CompressedSize, jpeg2000Size, jpegSize } from "./compressed-frame.js";
import { decodeRunLength } from "./run-length.js";

/** What a decoder needs to know of a frame. */
export interface FrameSize {
  readonly rows: number;
  readonly columns: number;
  readonly bytesPerPixel: number;
}

/** Unpacks one frame into little-endian pixels; throws an Error of the decoder's own for damaged data. */
export type DecodeFrame = (packed: Uint8Array, size: FrameSize) => Promise<Uint8Array>;

/** The decoders talk of what they do; a new object each, for they write into it. */
const quiet = () => ({ print: () => {}, printErr: () => {} });

/** What a decoder held when it failed is never given back, so it is loaded anew after so many times. */
const MAX_FAILURES = 16;

/** A decoder in WebAssembly, loaded when first needed, and anew where inputs have broken it. */
class Codec<M> {
  #loaded: Promise<M> | null = null;
  #failures = 0;

  constructor(readonly load: () => Promise<M>) {}

  /** Runs a decoder and copies its result out of its memory. */
  async unpack(make: (module: M) => WasmDecoder, packed: Uint8Array): Promise<Uint8Array> {
    this.#loaded ??= this.load();
    try {
      const decoder = make(await this.#loaded);
      decoder.getEncodedBuffer(packed.length).set(packed);
      decoder.decode();
      const pixels = Uint8Array.from(decoder.getDecodedBuffer());
      decoder.delete();
      return pixels;
    } catch (cause) {
      const isBroken = cause instanceof Error && cause.name === "RuntimeError";
      if (isBroken || ++this.#failures >= MAX_FAILURES) [this.#loaded, this.#failures] = [null, 0];
      throw cause;
    }
  }
}

const charls = new Codec(async () =>
  (await import("@cornerstonejs/codec-charls/decodewasmjs")).default(quiet()),
);
const openjpeg = new Codec(async () =>
  (await import("@cornerstonejs/codec-openjpeg/decodewasmjs")).default(quiet()),
);

/** Decoders take memory for the size that the frame itself names. */
function checkSize(own: CompressedSize, { rows, columns }: FrameSize): void {
  if (own.rows === rows && own.columns === columns) return;
  throw new Error(`a frame of ${own.columns} x ${own.rows} pixels, expected ${columns} x ${rows}`);
}

const jpegLs: DecodeFrame = async (packed, size) => {
  checkSize(jpegSize(packed), size);
  return charls.unpack(({ JpegLSDecoder }) => new JpegLSDecoder(), packed);
};

const jpeg2000: DecodeFrame = async (packed, size) => {
  checkSize(jpeg2000Size(packed), size);
  return openjpeg.unpack(({ J2KDecoder }) => new J2KDecoder(), packed);
};

const jpegLossless: DecodeFrame = async (packed, size) => {
  checkSize(jpegSize(packed), size);
  const { Decoder } = await import("jpeg-lossless-decoder-js");
  const own = Uint8Array.from(packed).buffer;
  const pixels = new Decoder().decode(own, 0, own.byteLength, size.bytesPerPixel);
  return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
};

const runLength: DecodeFrame = async (packed, { rows, columns, bytesPerPixel }) =>
  decodeRunLength(packed, rows * columns, bytesPerPixel);

/** Compressed transfer syntaxes that are read. */
export const CODECS: Readonly<Record<string, DecodeFrame>> = {
  "1.2.840.10008.1.2.4.57": jpegLossless,
  "1.2.840.10008.1.2.4.70": jpegLossless,
  "1.2.840.10008.1.2.4.80": jpegLs,
  "1.2.840.10008.1.2.4.81": jpegLs,
  "1.2.840.10008.1.2.4.90": jpeg2000,
  "1.2.840.10008.1.2.4.91": jpeg2000,
  "1.2.840.10008.1.2.5": runLength,
};
