import { noGrad, withGradient } from "../engine/autograd.js";
import { cat, fromArray, randperm, zeros } from "../engine/make-tensor.js";
import { oneHot } from "../engine/ops.js";
import { inFloat32 } from "../engine/precision.js";
import { scope } from "../engine/scope.js";
import { takeVoxels } from "../engine/take-voxels.js";
import { call, callOwnMany, type Tensor } from "../engine/tensor.js";

/**
 * Voxels near a boundary: those with another class among the eight voxels of the 2x2x2 box that ends in them (the
 * voxel itself and the one before it on each axis; the edge is repeated). The same voxels as those whose class differs
 * from any class's dilation by that box. labels [D,H,W] -> 0 or 1 each. Source: arXiv 2111.10989, section 3.2.
 */
export function boundaryMask(labels: Uint8Array, [d, h, w]: readonly [number, number, number]): Uint8Array {
  const mask = new Uint8Array(labels.length);
  for (let z = 0, i = 0; z < d; z++) {
    const dz = z > 0 ? h * w : 0;
    for (let y = 0; y < h; y++) {
      const dy = y > 0 ? w : 0;
      for (let x = 0; x < w; x++, i++) {
        const dx = x > 0 ? 1 : 0;
        const c = labels[i];
        if (
          labels[i - dx] !== c ||
          labels[i - dy] !== c ||
          labels[i - dz] !== c ||
          labels[i - dx - dy] !== c ||
          labels[i - dx - dz] !== c ||
          labels[i - dy - dz] !== c ||
          labels[i - dx - dy - dz] !== c
        ) {
          mask[i] = 1;
        }
      }
    }
  }
  return mask;
}

/** Rows of similarities at a time where libtorch's operators compute them. */
const ROWS = 1024;

/**
 * Supervised contrastive loss (Khosla et al. 2020, "out" form): every row an anchor, positives of the same class,
 * itself excluded from numerator and denominator; mean over the anchors that have a positive.
 * features [N,K], labels [N] int64 -> scalar. The N x N similarities never exist: value and gradient are found together, a
 * few rows at a time, so memory grows with N.
 */
export function supervisedContrast(features: Tensor, labels: Tensor, temperature: number): Tensor {
  return inFloat32(() => {
    const { value, gradient } = noGrad(() =>
      scope(() => contrastInClosedForm(features.detach(), labels, temperature)),
    );
    return withGradient(value, features, gradient);
  });
}

/**
 * With s = f·fᵀ/τ the loss is mean_i[ log Σ_{j≠i} exp s_ij - mean over positives p of s_ip ]. The second part needs
 * only each class's sum of features; the first goes over all pairs.
 */
function contrastInClosedForm(f: Tensor, labels: Tensor, temperature: number) {
  const member = oneHot(labels, labels.max().item() + 1); // [N,C]
  const others = member.matmul(member.sum([0]).unsqueeze(1)).sub(1); // positives of each anchor, [N,1]
  const has = others.clamp(null, 1);
  const share = has.div(others.clamp(1));
  const positives = member.matmul(member.transpose(0, 1).matmul(f)).sub(f); // their sums, [N,K]
  const attraction = f.mul(positives).sum([1], true).mul(share).sum();
  const repulsion = logSumsOverPairs(f, has, temperature);
  const gradient = positives.mul(share).mul(-2).add(repulsion.gradient).div(temperature);
  const count = has.sum().clamp(1);
  return {
    value: repulsion.value.sub(attraction.div(temperature)).div(count),
    gradient: gradient.div(count),
  };
}

/** Σ_i has_i · log Σ_{j≠i} exp(f_i·f_j/τ), and τ times its gradient. f [N,K], has [N,1] of 0 and 1 */
function logSumsOverPairs(f: Tensor, has: Tensor, temperature: number): { value: Tensor; gradient: Tensor } {
  if (f.device === "cpu") {
    const [value, gradient] = callOwnMany("pair_log_sums", f, has.reshape([-1]), temperature);
    return { value: value!, gradient: gradient! };
  }
  return logSumsByBlocks(f, has, temperature);
}

/** The same with libtorch's operators, for other devices. */
export function logSumsByBlocks(
  f: Tensor,
  has: Tensor,
  temperature: number,
): { value: Tensor; gradient: Tensor } {
  const [n, k] = f.shape as [number, number];
  const device = f.device;
  const value = zeros([], { device });
  const gradient = zeros([n, k], { device });
  const columns = f.transpose(0, 1).div(temperature);
  for (let start = 0; start < n; start += ROWS) {
    const end = Math.min(start + ROWS, n);
    scope(() => {
      const rows = f.slice(0, start, end);
      const e = rows.matmul(columns);
      call("diagonal", "", e, start).fill_(Number.NEGATIVE_INFINITY); // the anchor itself: no part of the sum
      const largest = e.amax([1], true);
      e.sub_(largest).exp_();
      const sum = e.sum([1], true);
      const weight = has.slice(0, start, end);
      value.add_(sum.log().add(largest).mul(weight).sum());
      const scale = weight.div(sum);
      gradient.slice(0, start, end).add_(e.matmul(f).mul(scale));
      gradient.add_(e.transpose(0, 1).matmul(rows.mul(scale)));
    });
  }
  return { value, gradient };
}

/**
 * How rows of features are read from a patch. "per-voxel": each voxel's own vector, as the paper describes.
 * "published-order": the published code's, which selects from [K,D,H,W] channel by channel and reads the flat result
 * as rows of K, so that a row mixes voxels.
 */
export type FeatureOrder = "per-voxel" | "published-order";

export interface BoundaryContrastOptions {
  readonly temperature: number;
  /** At most this many voxels of each patch, drawn at random. */
  readonly anchors: number;
  readonly features: FeatureOrder;
}

/** features of the chosen voxels [K,N] -> rows [N,K] */
const rowsOf: Record<FeatureOrder, (features: Tensor) => Tensor> = {
  "per-voxel": (features) => features.transpose(0, 1).contiguous(),
  "published-order": (features) => features.reshape([-1, features.shape[0]!]),
};

/**
 * Boundary-aware contrast, arXiv 2111.10989, eq. 10: supervised contrast of the features near boundaries, mean over the
 * labeled patches that have any; null where none has.
 * embedding [B,K,D,H,W]; labels: the first patches' label maps on the host [D,H,W], up to B; project: [1,K,1,1,N] ->
 * features of unit length of the same shape. It looks at one voxel at a time, so it is asked about the chosen voxels only.
 * @throws Error for a label map that has more or fewer voxels than a patch
 */
export function boundaryContrast(
  embedding: Tensor,
  labels: readonly Uint8Array[],
  options: BoundaryContrastOptions,
  project: (embedding: Tensor) => Tensor = (features) => features,
): Tensor | null {
  const [, k, d, h, w] = embedding.shape as [number, number, number, number, number];
  const { device } = embedding;
  checkVoxels(labels, [d, h, w]);
  const patches = labels.flatMap((label, patch) => {
    const near = boundaryVoxels(label, [d, h, w]);
    if (near.length < 2) return [];
    const voxels = atMost(fromArray(near, [near.length]), options.anchors).toDevice(device);
    const classes = fromArray(label, [label.length]).toDevice(device).indexSelect(0, voxels).to("int64");
    return [{ patch, voxels, classes }];
  });
  if (patches.length === 0) return null;
  // all at once: each access on its own would send back a gradient as large as the embedding
  const places = patches.map(({ patch, voxels }) => voxels.add(patch * d * h * w));
  const chosen = takeVoxels(embedding, cat(places, 0));
  const features = project(chosen.reshape([1, k, 1, 1, -1])).reshape([k, -1]);
  const counts = patches.map(({ voxels }) => voxels.shape[0]!);
  const losses = features
    .split(counts, 1)
    .map((own, i) =>
      supervisedContrast(rowsOf[options.features](own), patches[i]!.classes, options.temperature),
    );
  return losses.reduce((sum, loss) => sum.add(loss)).div(losses.length);
}

function checkVoxels(labels: readonly Uint8Array[], shape: readonly [number, number, number]): void {
  const voxels = shape.reduce((product, n) => product * n, 1);
  const odd = labels.findIndex(({ length }) => length !== voxels);
  if (odd < 0) return;
  const patch = `a patch of ${shape.join("x")} has ${voxels}`;
  throw new Error(
    `boundaryContrast: labels[${odd}] has ${labels[odd]!.length} voxels, ${patch}; give a class for each voxel`,
  );
}

function boundaryVoxels(label: Uint8Array, shape: readonly [number, number, number]): BigInt64Array {
  const mask = boundaryMask(label, shape);
  const voxels: bigint[] = [];
  for (let i = mask.indexOf(1); i >= 0; i = mask.indexOf(1, i + 1)) voxels.push(BigInt(i));
  return BigInt64Array.from(voxels);
}

const atMost = (voxels: Tensor, count: number): Tensor => {
  const n = voxels.shape[0]!;
  return n <= count ? voxels : voxels.indexSelect(0, randperm(n).slice(0, 0, count));
};
