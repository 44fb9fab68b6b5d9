/**
 * min over q of f(q) + (edge·(p - q))² along a line, in linear time: the lower envelope of a parabola at every
 * q (Felzenszwalb and Huttenlocher, "Distance Transforms of Sampled Functions", Theory of Computing 8, 2012).
 * Holds the work space for lines of one length, so that a volume's lines share it.
 */
export class LowerEnvelope {
  /** The lowest parabolas from left to right: where their vertices lie, how high, and from where each is lowest. */
  readonly #vertex: Int32Array;
  readonly #height: Float64Array;
  readonly #from: Float64Array;
  /** 1 / (2·edge²·steps): parabolas so many steps apart cross that much off the middle per difference in height. */
  readonly #shift: Float64Array;
  readonly #edge: number;
  readonly #length: number;
  #last = -1;

  constructor(length: number, edge: number) {
    this.#length = length;
    this.#edge = edge;
    this.#vertex = new Int32Array(length);
    this.#height = new Float64Array(length);
    this.#from = new Float64Array(length);
    this.#shift = Float64Array.from({ length }, (_, steps) => 1 / (2 * edge * edge * steps));
  }

  /**
   * Replaces f by the minimum along the line values[start], values[start + stride], ...; with `asked` (as long as
   * `values`) only where it holds 1. Infinite f take no part; a line without any other stays infinite.
   */
  minimizeLine(values: Float64Array, start: number, stride: number, asked: Uint8Array | null = null): void {
    const [length, edge, vertex, height, from] = [
      this.#length,
      this.#edge,
      this.#vertex,
      this.#height,
      this.#from,
    ];
    this.#last = -1;
    for (let p = 0, i = start; p < length; p++, i += stride) {
      if (values[i] !== Number.POSITIVE_INFINITY) this.#add(p, values[i]!);
    }
    const last = this.#last;
    if (last < 0) return;
    for (let p = 0, i = start, k = 0; p < length; p++, i += stride) {
      if (asked !== null && asked[i] === 0) continue;
      while (k < last && from[k + 1]! < p) k++;
      const steps = edge * (p - vertex[k]!);
      values[i] = steps * steps + height[k]!;
    }
  }

  #add(position: number, value: number): void {
    const vertex = this.#vertex;
    const height = this.#height;
    const from = this.#from;
    let k = this.#last;
    let crossing = Number.NEGATIVE_INFINITY;
    for (; k >= 0; k--) {
      const other = vertex[k]!;
      crossing = (position + other) / 2 + (value - height[k]!) * this.#shift[position - other]!;
      if (crossing > from[k]!) break;
    }
    k++;
    vertex[k] = position;
    height[k] = value;
    from[k] = k === 0 ? Number.NEGATIVE_INFINITY : crossing;
    this.#last = k;
  }
}
