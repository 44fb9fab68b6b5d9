/** Sizes along x, y, z as they lie in a file, x fastest. */
export type FileSize = readonly [number, number, number];

/**
 * Every k-th voxel along each axis of a volume that is still coming, k the least that leaves at most `longest` of them, to
 * be shown before the rest. What has not come yet has the value of the first voxel, which is background in most scans.
 */
export class CoarseVolume {
  readonly steps: FileSize;
  readonly size: FileSize;
  readonly #voxels: Uint8Array<ArrayBuffer>;
  readonly #rowBytes: number;
  #row = 0;

  constructor(
    readonly full: FileSize,
    readonly voxelBytes: number,
    longest: number,
  ) {
    this.steps = full.map((n) => Math.ceil(n / longest)) as unknown as FileSize;
    this.size = full.map((n, axis) => Math.ceil(n / this.steps[axis]!)) as unknown as FileSize;
    this.#rowBytes = full[0] * voxelBytes;
    this.#voxels = new Uint8Array(this.size[0] * this.size[1] * this.size[2] * voxelBytes);
  }

  /** Takes what is new of the volume's first `come` bytes. */
  take(bytes: Uint8Array, come: number): void {
    const rows = Math.min(this.full[1] * this.full[2], Math.floor(come / this.#rowBytes));
    if (this.#row === 0 && rows > 0) this.#fill(bytes.subarray(0, this.voxelBytes));
    for (; this.#row < rows; this.#row++) {
      const [y, z] = [this.#row % this.full[1], Math.floor(this.#row / this.full[1])];
      if (y % this.steps[1] === 0 && z % this.steps[2] === 0)
        this.#takeRow(bytes, y / this.steps[1], z / this.steps[2]);
    }
  }

  /** The coarse voxels so far, as bytes in the file's order. */
  voxels(): ArrayBuffer {
    return this.#voxels.slice().buffer;
  }

  #fill(voxel: Uint8Array): void {
    for (let at = 0; at < this.#voxels.length; at += voxel.length) this.#voxels.set(voxel, at);
  }

  #takeRow(bytes: Uint8Array, y: number, z: number): void {
    const size = this.voxelBytes;
    let to = (z * this.size[1] + y) * this.size[0] * size;
    const start = this.#row * this.#rowBytes;
    const step = this.steps[0] * size;
    for (let from = start; from < start + this.#rowBytes; from += step) {
      for (let i = 0; i < size; i++) this.#voxels[to++] = bytes[from + i]!;
    }
  }
}
