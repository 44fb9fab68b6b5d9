/** Of bits that lie eight to a byte, the first in the lowest; there may be more of them than a bitwise operator counts. */
const byteOf = (bit: number): number => Math.floor(bit / 8);

export const bitAt = (bytes: Uint8Array, bit: number): number => (bytes[byteOf(bit)]! >> (bit % 8)) & 1;

export function setBit(bytes: Uint8Array, bit: number, value: number): void {
  bytes[byteOf(bit)]! |= value << (bit % 8);
}
