import { rand, randn } from "../engine/make-tensor.js";
import { call, type Tensor } from "../engine/tensor.js";

/** How far a view may be from the patch it is of. */
export interface ViewOptions {
  /** The smallest crop, as a share of each extent; it is brought back to full size. */
  readonly crop: number;
  /** Contrast between 1 - this and 1 + this, brightness between -this and +this (in deviations of the image). */
  readonly intensity: number;
  /** Standard deviation of the noise. */
  readonly noise: number;
}

const between = (low: number, high: number, draw: number) => low + (high - low) * draw;

/** A random crop of every extent, brought back to full size (trilinear). */
function cropped(x: Tensor, smallest: number): Tensor {
  const size = x.shape.slice(2);
  const draws = rand([6]).toFloat32Array();
  const crop = size.reduce((view, extent, axis) => {
    const length = Math.max(2, Math.round(extent * between(smallest, 1, draws[axis]!)));
    const start = Math.floor(draws[3 + axis]! * (extent - length + 1));
    return view.slice(axis + 2, start, start + length);
  }, x);
  return call("upsample_trilinear3d", "", crop, size, true);
}

/** Mirrored along H and W, each with even odds. */
function flipped(x: Tensor): Tensor {
  const axes = [...rand([2]).toFloat32Array()].flatMap((draw, i) => (draw < 0.5 ? [3 + i] : []));
  return axes.length > 0 ? call("flip", "", x, axes) : x;
}

/** One image as it might have been taken otherwise: crop, flips, contrast, brightness, noise. [1,1,D,H,W] -> the same shape */
export function randomView(image: Tensor, { crop, intensity, noise }: ViewOptions): Tensor {
  const seen = flipped(cropped(image, crop));
  const [contrast, brightness] = rand([2]).toFloat32Array();
  return seen
    .mul(between(1 - intensity, 1 + intensity, contrast!))
    .add(between(-intensity, intensity, brightness!))
    .add(randn(seen.shape, { device: seen.device }).mul(noise));
}
