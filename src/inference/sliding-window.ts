import { noGrad } from "../engine/autograd.js";
import { scope } from "../engine/scope.js";
import { call, fromArray, ones, type Tensor, zeros } from "../engine/tensor.js";
import { type Triple, voxelCount } from "../volume/volume.js";

/**
 * patch [1,C,d,h,w] -> values per voxel [1,N,d,h,w], averaged where windows overlap. `origin` [D,H,W] is the patch's
 * first voxel in the image as it was padded to at least the patch's size.
 */
export type WindowFunction = (patch: Tensor, origin: Triple) => Tensor;

export interface SlidingWindowOptions {
  readonly patchSize: Triple;
  readonly stride: Triple;
  readonly device: string;
  /** Windows done and windows in all. */
  readonly onWindow?: (done: number, total: number) => void;
}

/**
 * Where windows start along an axis: every `stride` voxels, the last one flush with the edge.
 * windowStarts(10, 4, 4) = [0, 4, 6]
 */
export function windowStarts(size: number, patch: number, stride: number): number[] {
  const count = Math.ceil((size - patch) / stride) + 1;
  return Array.from({ length: count }, (_, i) => Math.min(i * stride, size - patch));
}

/**
 * Uniform mean over overlapping windows of a whole image, padded with zeros (centered) where it is smaller than the
 * patch. image [C,D,H,W] -> [N,D,H,W], which the caller's scope owns.
 * Source: the published evaluation of UA-MT and AUA; `stride` along each axis is theirs.
 */
export function slidingWindow(
  image: Float32Array,
  shape: Triple,
  run: WindowFunction,
  { patchSize, stride, device, onWindow }: SlidingWindowOptions,
): Tensor {
  return noGrad(() =>
    scope(() => {
      const missing = shape.map((n, axis) => Math.max(patchSize[axis]! - n, 0));
      const before = missing.map((n) => Math.floor(n / 2));
      const after = missing.map((n, axis) => n - before[axis]!);
      // pad counts pairs from the last axis
      const pairs = [2, 1, 0].flatMap((axis) => [before[axis]!, after[axis]!]);
      const whole = fromArray(image, [1, image.length / voxelCount(shape), ...shape], device);
      const padded = call("constant_pad_nd", "", whole, pairs, 0);
      const size = padded.shape.slice(2) as unknown as Triple;
      const [zs, ys, xs] = size.map((n, axis) => windowStarts(n, patchSize[axis]!, stride[axis]!));
      const windows = zs!.flatMap((z) => ys!.flatMap((y) => xs!.map((x): Triple => [z, y, x])));
      const count = zeros([1, 1, ...size], { device });
      const sum = windows.reduce<Tensor | null>((sum, origin, i) => {
        const result = scope(() => addWindow(padded, origin, patchSize, run, sum, count));
        onWindow?.(i + 1, windows.length);
        return result;
      }, null)!;
      const mean = sum.div(count);
      return cropWindow(mean, before as unknown as Triple, shape)
        .select(0, 0)
        .contiguous();
    }),
  );
}

/** The part of x [.,.,D,H,W] that begins at an origin. */
export const cropWindow = (x: Tensor, [z, y, x0]: Triple, [d, h, w]: Triple): Tensor =>
  x
    .slice(2, z, z + d)
    .slice(3, y, y + h)
    .slice(4, x0, x0 + w);

function addWindow(
  image: Tensor,
  origin: Triple,
  patchSize: Triple,
  run: WindowFunction,
  sum: Tensor | null,
  count: Tensor,
): Tensor {
  const values = run(cropWindow(image, origin, patchSize).contiguous(), origin);
  const total = sum ?? zeros([1, values.shape[1]!, ...image.shape.slice(2)], { device: image.device });
  cropWindow(total, origin, patchSize).add_(values);
  cropWindow(count, origin, patchSize).add_(ones([1], { device: image.device }));
  return total;
}
