/** What is used of decoders that have no types of their own. */
interface WasmDecoder {
  getEncodedBuffer(length: number): Uint8Array;
  decode(): void;
  /** A view of the decoder's memory. */
  getDecodedBuffer(): Uint8Array;
  delete(): void;
}

declare module "@cornerstonejs/codec-charls/decodewasmjs" {
  export default function charls(options: {
    print: (line: string) => void;
    printErr: (line: string) => void;
  }): Promise<{ JpegLSDecoder: new () => WasmDecoder }>;
}

declare module "@cornerstonejs/codec-openjpeg/decodewasmjs" {
  export default function openjpeg(options: {
    print: (line: string) => void;
    printErr: (line: string) => void;
  }): Promise<{ J2KDecoder: new () => WasmDecoder }>;
}

declare module "jpeg-lossless-decoder-js" {
  export class Decoder {
    decode(
      buffer: ArrayBuffer,
      offset: number,
      length: number,
      bytesPerSample: number,
    ): Uint8Array | Uint16Array;
  }
}
