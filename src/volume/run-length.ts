/** PS3.5 G: a header of 64 bytes says where up to 15 segments begin. */
const HEADER_BYTES = 64;
const NOTHING = 128;
/** Two bytes hold 128 at most. */
const MAX_RATIO = 64;

/** Undoes PackBits into all of `out`: a count n below 128 copies n + 1 bytes, one over 128 repeats the next byte 257 - n times. */
export function unpackBits(packed: Uint8Array, out: Uint8Array): void {
  let [from, to] = [0, 0];
  while (from < packed.length && to < out.length) {
    const count = packed[from++]!;
    if (count < NOTHING) {
      const bytes = packed.subarray(from, from + count + 1);
      out.set(bytes.subarray(0, out.length - to), to);
      from += count + 1;
      to += count + 1;
    } else if (count > NOTHING) {
      out.fill(packed[from++] ?? 0, to, to + 257 - count);
      to += 257 - count;
    }
  }
  if (to < out.length) throw new Error(`run-length data ends after ${to} of ${out.length} bytes`);
}

/** A frame of DICOM's run-length encoding: a segment for each byte of a pixel, the highest first; little-endian pixels. */
export function decodeRunLength(packed: Uint8Array, pixels: number, bytesPerPixel: number): Uint8Array {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const count = view.getUint32(0, true);
  if (count !== bytesPerPixel) throw new Error(`${count} run-length segments, expected ${bytesPerPixel}`);
  if (pixels * bytesPerPixel > MAX_RATIO * packed.length)
    throw new Error(`${packed.length} bytes can't hold ${pixels} pixels`);
  const starts = Array.from({ length: count }, (_, i) => view.getUint32(4 + 4 * i, true));
  const out = new Uint8Array(pixels * bytesPerPixel);
  const plane = new Uint8Array(pixels);
  for (const [i, start] of starts.entries()) {
    if (start < HEADER_BYTES) throw new Error(`a run-length segment begins at byte ${start}`);
    unpackBits(packed.subarray(start, starts[i + 1] ?? packed.length), plane);
    const byte = bytesPerPixel - 1 - i;
    for (let k = 0; k < pixels; k++) out[k * bytesPerPixel + byte] = plane[k]!;
  }
  return out;
}
