import { DTYPES } from "./dtype.js";
import { ones, zeros } from "./make-tensor.js";
import { type Argument, call, callOwn, type Tensor } from "./tensor.js";

/** 3-D convolution; stride and padding along all axes or [D,H,W]. x [B,I,D,H,W], weight [O,I,k,k,k], bias [O] -> [B,O,D',H',W'] */
export const conv3d = (
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  stride: number | number[] = 1,
  padding: number | number[] = 0,
): Tensor => call("conv3d", "", x, weight, bias, triple(stride), triple(padding));

/** 1x1x1 convolution, of relu(x) where asked. x [B,I,D,H,W], weight [O,I,1,1,1], bias [O] -> [B,O,D,H,W] */
export const pointwiseConv = (x: Tensor, weight: Tensor, bias: Tensor, relu = false): Tensor =>
  callOwn("pointwise_conv", x, weight, bias, relu);

/** 3x3x3 convolution that keeps the size. x [B,I,D,H,W], weight [O,I,3,3,3], bias [O] -> [B,O,D,H,W] */
export const conv3dSame = (x: Tensor, weight: Tensor, bias: Tensor): Tensor =>
  callOwn("conv3d_same", x, weight, bias);

/**
 * Transposed convolution with kernel 2 and stride 2: its windows do not overlap, so it is a 1x1x1 convolution to eight
 * times the channels (four, for a kernel of 1 along D, which leaves D as it is) and a rearrangement (faster than conv_transpose3d, which libtorch 1.13 also misroutes in bfloat16).
 * x [B,I,D,H,W], weight [I,O,2,2,2] or [I,O,1,2,2], bias [O] -> [B,O,2D,2H,2W] or [B,O,D,2H,2W]
 */
export function upConv2(x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [b, i, d, h, w] = x.shape as [number, number, number, number, number];
  const [, o, k] = weight.shape as [number, number, number];
  const taps = k * 4;
  const kernel = weight
    .reshape([i, o * taps])
    .transpose(0, 1)
    .reshape([o * taps, i, 1, 1, 1]);
  const offset = bias
    .unsqueeze(1)
    .expand([o, taps])
    .reshape([o * taps]);
  return conv3d(x, kernel, offset)
    .reshape([b, o, k, 2, 2, d, h, w])
    .permute([0, 1, 5, 2, 6, 3, 7, 4])
    .reshape([b, o, k * d, 2 * h, 2 * w]);
}

/** x / max(|x|, 1e-12) along an axis */
export const unitLength = (x: Tensor, axis: number): Tensor => x.div(x.norm([axis], true).clamp(1e-12));

/**
 * Doubles D, H and W, or H and W alone, by interpolation; trilinear with the corners kept.
 * x [B,C,D,H,W] -> [B,C,2D,2H,2W] or [B,C,D,2H,2W]
 */
export function upsample2(x: Tensor, kind: "trilinear" | "nearest", dimensions: 2 | 3 = 3): Tensor {
  const size = x.shape.slice(2).map((n, axis) => (axis === 0 && dimensions === 2 ? n : 2 * n));
  return kind === "nearest"
    ? call("upsample_nearest3d", "", x, size)
    : call("upsample_trilinear3d", "", x, size, true);
}

/** Mean cross-entropy. logits [N,C,...], target [N,...] int64 -> scalar; voxels of class `ignore` do not count. */
export const crossEntropy = (logits: Tensor, target: Tensor, ignore = -100): Tensor =>
  call("cross_entropy_loss", "", logits, target, null, 1, ignore);

/**
 * The class of the largest score of each voxel, the first of equals: argmax, which itself walks voxel by voxel.
 * scores [B,C,...] -> [B,...] int64; or classes along another axis
 */
export function mostLikelyClass(scores: Tensor, axis = 1): Tensor {
  const classes = scores.shape[axis]!;
  let best = scores.select(axis, 0);
  let label = call("zeros_like", "", best, DTYPES.int64);
  for (let c = 1; c < classes; c++) {
    const score = scores.select(axis, c);
    label = call("masked_fill", "Scalar", label, call("gt", "Tensor", score, best), c);
    best = call("maximum", "", score, best);
  }
  return label;
}

/**
 * Batch normalization followed by ReLU, in one pass; training mode updates the running statistics.
 * x [B,C,D,H,W]; parameters [C] each. Source: Ioffe & Szegedy 2015.
 */
export const batchNormRelu = (
  x: Tensor,
  parameters: { weight: Tensor; bias: Tensor; runningMean: Tensor; runningVar: Tensor },
  training: boolean,
): Tensor => {
  const { weight, bias, runningMean, runningVar } = parameters;
  return callOwn("batch_norm_relu", x, weight, bias, runningMean, runningVar, training, 0.1, 1e-5);
};

/**
 * Instance normalization without affine parameters, followed by ReLU: batch normalization of a batch of one, whose
 * channels are all channels of all cases. x [B,C,D,H,W] -> the same shape. Source: Ulyanov et al. 2016.
 */
export function instanceNormRelu(x: Tensor): Tensor {
  const { device, shape } = x;
  const [b, c, ...space] = shape as [number, number, ...number[]];
  const fresh = (make: typeof ones) => make([b * c], { device });
  const parameters = {
    weight: fresh(ones),
    bias: fresh(zeros),
    runningMean: fresh(zeros),
    runningVar: fresh(ones),
  };
  return batchNormRelu(x.reshape([1, b * c, ...space]), parameters, true).reshape(shape);
}

/** In float32, which weight and bias are, whatever x is: on the CPU it knows no mixture. */
export const groupNorm = (x: Tensor, groups: number, weight: Tensor, bias: Tensor): Tensor =>
  call("group_norm", "", x.to("float32"), groups, weight, bias, 1e-5, true);

/** Zeroes whole channels with probability p and scales the rest by 1/(1-p). */
export const channelDropout = (x: Tensor, p: number): Tensor => call("feature_dropout", "", x, p, true);

/**
 * Inner products of all pairs of samples' class probabilities, per class; the teacher gets no gradient.
 * student [S,C,V], teacher [T,C,V] logits -> [C,S+T,S+T]
 */
export const probabilityProducts = (student: Tensor, teacher: Tensor): Tensor =>
  callOwn("probability_products", student, teacher);

/** One-hot of int64 labels [B,...] as float32 [B,C,...]. */
export function oneHot(labels: Tensor, classes: number): Tensor {
  const encoded = call("one_hot", "", labels, classes).to("float32");
  const rank = labels.shape.length;
  return encoded.permute([0, rank, ...Array.from({ length: rank - 1 }, (_, axis) => axis + 1)]);
}

const triple = (n: number | number[]): Argument => (typeof n === "number" ? [n, n, n] : n);
