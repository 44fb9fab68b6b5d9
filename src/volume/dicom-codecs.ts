import { decodeRunLength } from "./run-length.js";

/** What a decoder needs to know of a frame. */
export interface FrameSize {
  readonly pixels: number;
  readonly bytesPerPixel: number;
}

/** Unpacks one frame into little-endian pixels; throws an Error of the decoder's own for damaged data. */
export type DecodeFrame = (packed: Uint8Array, size: FrameSize) => Promise<Uint8Array>;

/** The decoders talk of what they do; a new object each, for they write into it. */
const quiet = () => ({ print: () => {}, printErr: () => {} });

/** Loaded when first needed, once. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null;
  return () => {
    loaded ??= load();
    return loaded;
  };
}

const charls = once(async () => (await import("@cornerstonejs/codec-charls/decodewasmjs")).default(quiet()));
const openjpeg = once(async () =>
  (await import("@cornerstonejs/codec-openjpeg/decodewasmjs")).default(quiet()),
);

/** Runs a decoder of the WebAssembly kind and copies its result out of its memory. */
function unpack(decoder: WasmDecoder, packed: Uint8Array): Uint8Array {
  try {
    decoder.getEncodedBuffer(packed.length).set(packed);
    decoder.decode();
    return Uint8Array.from(decoder.getDecodedBuffer());
  } finally {
    decoder.delete();
  }
}

const jpegLs: DecodeFrame = async (packed) => unpack(new (await charls()).JpegLSDecoder(), packed);
const jpeg2000: DecodeFrame = async (packed) => unpack(new (await openjpeg()).J2KDecoder(), packed);

const jpegLossless: DecodeFrame = async (packed, { bytesPerPixel }) => {
  const { Decoder } = await import("jpeg-lossless-decoder-js");
  const own = Uint8Array.from(packed).buffer;
  const pixels = new Decoder().decode(own, 0, own.byteLength, bytesPerPixel);
  return new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
};

const runLength: DecodeFrame = async (packed, { pixels, bytesPerPixel }) =>
  decodeRunLength(packed, pixels, bytesPerPixel);

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
