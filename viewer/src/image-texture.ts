import type { NVImage } from "@niivue/niivue";
import type { FileSize } from "./coarse-volume.js";
import { halfTable, LEVELS_A_UNIT, type Levels, levelsOf } from "./half-floats.js";
import { shownRange } from "./intensity-range.js";

/** A texture unit that NiiVue has no use for. */
const UNIT = 12;
/** Voxels that go to the graphics card at a time, at least a slice: small enough for a picture in between. */
const PIECE_VOXELS = 2_000_000;

/** An image on the graphics card, as half floats in the file's order; slices may be put there while the rest still comes. */
export class ImageTexture {
  readonly texture: WebGLTexture;
  readonly #pieceSlices: number;
  readonly #piece: Uint16Array<ArrayBuffer>;
  #slices = 0;
  #scale = 1;
  #offset = 0;

  /** @throws Error when the graphics card cannot hold the image */
  constructor(
    readonly gl: WebGL2RenderingContext,
    readonly size: FileSize,
  ) {
    const most = gl.getParameter(gl.MAX_3D_TEXTURE_SIZE) as number;
    if (size.some((n) => n > most))
      throw new Error(
        `the image has ${size.join(" × ")} voxels; this graphics card shows up to ${most} along an axis`,
      );
    const slice = size[0] * size[1];
    this.#pieceSlices = Math.min(size[2], Math.ceil(PIECE_VOXELS / slice));
    this.#piece = new Uint16Array(this.#pieceSlices * slice);
    this.texture = gl.createTexture();
    this.#bind(UNIT);
    for (const side of [gl.TEXTURE_WRAP_R, gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
      gl.texParameteri(gl.TEXTURE_3D, side, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_3D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texStorage3D(gl.TEXTURE_3D, 1, gl.R16F, ...size);
  }

  /** Whole, from an image that is there. */
  static of(gl: WebGL2RenderingContext, image: NVImage): ImageTexture {
    const [, x = 1, y = 1, z = 1] = image.hdr!.dims;
    const made = new ImageTexture(gl, [x, y, z]);
    made.complete(image);
    return made;
  }

  /** Puts what is still missing. @throws Error when the graphics card has no room for it */
  complete(image: NVImage): void {
    const { scl_slope, scl_inter } = image.hdr!;
    const [black, white, lowest] = [image.robust_min!, image.robust_max!, shownRange(image)[0]].map(
      (value) => (value - scl_inter) / scl_slope,
    ) as [number, number, number];
    const all = levelsOf(image.img!, [black, white], lowest);
    this.#scale = all.scale;
    this.#offset = all.offset;
    this.take(all.levels, this.size[2]);
    if (this.gl.getError() === this.gl.OUT_OF_MEMORY)
      throw new Error(`the graphics card has no room for ${this.size.join(" × ")} voxels`);
  }

  /** Puts slices that have come, up to the first `come`, once there are enough for a piece or they are the last. */
  take(levels: Levels["levels"], come: number): void {
    const [width, height, depth] = this.size;
    while (this.#slices < come) {
      const count = Math.min(this.#pieceSlices, depth - this.#slices);
      if (this.#slices + count > come) return;
      const from = this.#slices * width * height;
      const piece = this.#piece.subarray(0, count * width * height);
      const table = halfTable(levels instanceof Int16Array || levels instanceof Int8Array);
      for (let i = 0; i < piece.length; i++) piece[i] = table[levels[from + i]! & 0xffff]!;
      this.#bind(UNIT);
      const { gl } = this;
      gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
      gl.texSubImage3D(
        gl.TEXTURE_3D,
        0,
        0,
        0,
        this.#slices,
        width,
        height,
        count,
        gl.RED,
        gl.HALF_FLOAT,
        piece,
      );
      this.#slices += count;
    }
  }

  /** A stored number as the texture has it. */
  valueOf(stored: number): number {
    return (stored - this.#offset) / this.#scale / LEVELS_A_UNIT;
  }

  bindTo(unit: number): void {
    this.#bind(unit);
  }

  close(): void {
    this.gl.deleteTexture(this.texture);
  }

  #bind(unit: number): void {
    this.gl.activeTexture(this.gl.TEXTURE0 + unit);
    this.gl.bindTexture(this.gl.TEXTURE_3D, this.texture);
  }
}
