import { noGrad } from "../engine/autograd.js";
import { fromArray, ones, zeros } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import { call, type Tensor } from "../engine/tensor.js";
import { type Triple, voxelCount } from "../volume/volume.js";

/**
 * patch [1,C,d,h,w], with neighbours C for each slice, [1,C·(2n+1),1,h,w] -> values per voxel [1,N,d,h,w], averaged where windows overlap. `origin` [D,H,W] is the patch's
 * first voxel in the image as it was padded to at least the patch's size; `region` [1,1,d,h,w] is 1 inside, null where all is.
 */
export type WindowFunction = (patch: Tensor, origin: Triple, region: Tensor | null) => Tensor;

export interface SlidingWindowOptions {
  readonly patchSize: Triple;
  readonly stride: Triple;
  readonly device: string;
  /** Slices on either side of windows of one slice that are channels too; absent: 0. */
  readonly neighbours?: number;
  /** 1 inside [D,H,W], as in training; null or absent: everywhere. What pads the image is outside. */
  readonly region?: Uint8Array | null;
  /**
   * Windows without any voxel of the region are left out. Which of the N values say background: they are 1 where nothing
   * looked, the others 0. Absent: every window is looked at.
   */
  readonly skipOutside?: readonly number[];
  /** Windows done and windows in all. */
  readonly onWindow?: (done: number, total: number) => void;
}

/**
 * Where windows start along an axis: every `stride` voxels, the last one flush with the edge.
 * windowStarts(10, 4, 4) = [0, 4, 6]
 * @throws RangeError where not even one window fits
 */
export function windowStarts(size: number, patch: number, stride: number): number[] {
  if (size < patch) throw new RangeError(`a window of ${patch} voxels does not fit into ${size}`);
  const count = Math.ceil((size - patch) / stride) + 1;
  return Array.from({ length: count }, (_, i) => Math.min(i * stride, size - patch));
}

/**
 * Uniform mean over overlapping windows of a whole image, padded with zeros (centered) where it is smaller than the
 * patch. image [C,D,H,W] -> [N,D,H,W], which the caller's scope owns.
 * Source: the published evaluation of UA-MT and AUA; `stride` along each axis is theirs.
 * @throws RangeError for an image of another length than its shape says
 */
export function slidingWindow(
  image: Float32Array,
  shape: Triple,
  run: WindowFunction,
  { patchSize, stride, device, neighbours = 0, region = null, skipOutside, onWindow }: SlidingWindowOptions,
): Tensor {
  const voxels = voxelCount(shape);
  if (image.length === 0 || image.length % voxels !== 0)
    throw new RangeError(`an image of ${image.length} values is no [C, ${shape.join(", ")}]`);
  return noGrad(() =>
    scope(() => {
      const missing = shape.map((n, axis) => Math.max(patchSize[axis]! - n, 0));
      const before = missing.map((n) => Math.floor(n / 2));
      const after = missing.map((n, axis) => n - before[axis]!);
      // pad counts pairs from the last axis
      const pairs = [2, 1, 0].flatMap((axis) => [before[axis]!, after[axis]!]);
      const whole = fromArray(image, [1, image.length / voxels, ...shape], device);
      const padded = call("constant_pad_nd", "", whole, pairs, 0);
      const size = padded.shape.slice(2) as unknown as Triple;
      const seen = endsRepeated(padded, neighbours);
      const [zs, ys, xs] = size.map((n, axis) => windowStarts(n, patchSize[axis]!, stride[axis]!));
      const all = zs!.flatMap((z) => ys!.flatMap((y) => xs!.map((x): Triple => [z, y, x])));
      const inside = region && call("constant_pad_nd", "", fromArray(region, [1, 1, ...shape]), pairs, 0);
      const windows = inside && skipOutside ? touching(inside, all, patchSize) : all;
      const withRegion = (patch: Tensor, origin: Triple) =>
        run(patch, origin, inside && cropWindow(inside, origin, patchSize).to("float32").toDevice(device));
      const count = zeros([1, 1, ...size], { device });
      const sum = windows.reduce<Tensor | null>((sum, origin, i) => {
        const place = { origin, size, patchSize, neighbours };
        const result = scope(() => addWindow(seen, place, withRegion, sum, count));
        onWindow?.(i + 1, windows.length);
        return result;
      }, null)!;
      const mean = sum.div(count.clamp(1));
      for (const value of inside && skipOutside ? skipOutside : [])
        mean.slice(1, value, value + 1).add_(count.eq(0).to("float32"));
      return cropWindow(mean, before as unknown as Triple, shape)
        .select(0, 0)
        .contiguous();
    }),
  );
}

/** Windows with a voxel of the mask, or the first where there is none. */
function touching(mask: Tensor, windows: readonly Triple[], patchSize: Triple): readonly Triple[] {
  const found = windows.filter((origin) => scope(() => cropWindow(mask, origin, patchSize).max().item() > 0));
  return found.length > 0 ? found : windows.slice(0, 1);
}

/** The part of x [.,.,D,H,W] that begins at an origin. */
export const cropWindow = (x: Tensor, [z, y, x0]: Triple, [d, h, w]: Triple): Tensor =>
  x
    .slice(2, z, z + d)
    .slice(3, y, y + h)
    .slice(4, x0, x0 + w);

/** The first and the last slice so many times more at the ends. x [1,C,D,h,w] -> [1,C,D+2n,h,w] */
export const endsRepeated = (x: Tensor, neighbours: number): Tensor =>
  neighbours === 0 ? x : call("replication_pad3d", "", x, [0, 0, 0, 0, neighbours, neighbours]);

/** What the network sees of a window of x, whose ends were repeated: slices become channels. -> [1,C·(2n+1),1,h,w] */
export function windowInput(x: Tensor, origin: Triple, [d, h, w]: Triple, neighbours: number): Tensor {
  const window = cropWindow(x, origin, [d + 2 * neighbours, h, w]).contiguous();
  return neighbours === 0 ? window : window.reshape([1, -1, d, h, w]);
}

interface Place {
  readonly origin: Triple;
  /** Of the whole image. */
  readonly size: Triple;
  readonly patchSize: Triple;
  readonly neighbours: number;
}

function addWindow(
  image: Tensor,
  { origin, size, patchSize, neighbours }: Place,
  run: (patch: Tensor, origin: Triple) => Tensor,
  sum: Tensor | null,
  count: Tensor,
): Tensor {
  const values = run(windowInput(image, origin, patchSize, neighbours), origin);
  const total = sum ?? zeros([1, values.shape[1]!, ...size], { device: image.device });
  cropWindow(total, origin, patchSize).add_(values);
  cropWindow(count, origin, patchSize).add_(ones([1], { device: image.device }));
  return total;
}
