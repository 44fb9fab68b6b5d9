import { z } from "zod";
import { MOST_THREADS } from "../engine/libtorch.js";
import {
  atLeast,
  belowOne,
  between,
  type ConfigKey,
  evenSamples,
  iterations,
  keysOf,
  later,
  leaf,
  notNegative,
  oneOf,
  positive,
  yesOrNo,
} from "./config-keys.js";
import { dataSchema } from "./data-schema.js";
import { METHOD_NAMES } from "./method-catalog.js";

const model = z.strictObject({
  inputChannels: later(
    z.int().min(1),
    1,
    "a whole number, at least 1",
    "channels (modalities) of each image; the data set says how many",
  ),
  classes: atLeast(2, "classes, background included"),
  dimensions: later(
    z.union([z.literal(2), z.literal(3)]),
    3,
    "2 or 3",
    "3: kernels reach along all axes; 2: slices [H, W] by themselves (patches of one slice)",
  ),
  neighbours: later(
    z.int().min(0),
    0,
    "a whole number, at least 0",
    "2-D: so many slices on either side are channels of the input too (2.5-D)",
  ),
  filters: atLeast(1, "channels of the first level and of the features"),
  rank: atLeast(1, "rank of the logits' covariance"),
  normalization: oneOf(["batch", "instance", "group", "none"], "normalization after each convolution"),
  dropout: belowOne("probability of dropping a channel of the bottom and the last features"),
});

const optimizer = z.strictObject({
  learningRate: positive("step size of SGD"),
  momentum: belowOne("momentum of SGD"),
  weightDecay: notNegative("L2 penalty on the parameters"),
  decayEvery: iterations("iterations after which the learning rate falls, again and again"),
  decayFactor: leaf(z.number().positive().max(1), "a number above 0, at most 1", "what it is multiplied by"),
  clipNorm: leaf(
    z.number().positive().nullable(),
    "a number above 0, or null",
    "gradients of a larger norm are scaled down to it",
  ),
  skipLimit: atLeast(
    1,
    "steps in a row skipped for a loss or gradient that is not finite, after which a run is given up",
  ),
});

const stage1 = z.strictObject({
  iterations: iterations("iterations of the mean teacher"),
  samples: evenSamples("logit maps drawn per image"),
  consistency: z.strictObject({
    weight: notNegative("weight of the consistency between student and teacher after the ramp"),
    distance: oneOf(["dice", "class-dice", "mse", "kl"], "distance between two samples"),
    rampUp: iterations("iterations until the full weight"),
  }),
  emaDecay: belowOne("decay of the teacher's moving average"),
  teacherNoise: notNegative("deviation of the noise on the teacher's input"),
  contrast: z.strictObject({
    weight: notNegative("weight of the boundary-aware contrast"),
    temperature: positive("temperature of the similarities"),
    anchors: atLeast(2, "boundary voxels taken per patch at most"),
    features: oneOf(
      ["per-voxel", "published-order"],
      "each voxel's own features, or the published code's order",
    ),
  }),
  uncertaintyMask: yesOrNo("keep only the voxels whose teacher is certain"),
});

const stage2 = z.strictObject({
  iterations: iterations("iterations of the retraining"),
  pseudoWeight: notNegative("weight of the loss on pseudo labels"),
  prototypeWeight: notNegative("weight of the prototype-aware contrast"),
  temperature: positive("temperature of the prototype similarities"),
  ignoreBackground: yesOrNo("leave background voxels out of the prototype-aware contrast"),
  prototypeSpace: oneOf(
    ["features", "outputs", "both"],
    "what is contrasted: the embedding, the mean logits, or both",
  ),
  prototypeUpdates: oneOf(
    ["while-training", "frozen"],
    "labeled patches go on moving the prototypes, or those of stage 1 stay",
  ),
});

const supervised = z.strictObject({
  iterations: iterations("iterations of supervised training, and of each other method of one stage"),
  decayEvery: iterations("optimizer.decayEvery of those methods, whose stage is longer"),
});

const meanTeacher = z.strictObject({
  weight: notNegative("weight of the consistency after the ramp, in mean-teacher and ua-mt"),
  rampUp: iterations("iterations until the full weight"),
  emaDecay: belowOne("decay of the teacher's moving average"),
  noise: notNegative("deviation of the noise on the teacher's input"),
});

const bcp = z.strictObject({
  pretraining: iterations(
    "iterations of copy-paste among labeled patches, which come first of supervised.iterations",
  ),
  box: leaf(
    z.number().positive().lt(1),
    "a number above 0, below 1",
    "share of each extent that a pasted box takes",
  ),
  unlabeledWeight: notNegative("weight of voxels with pseudo labels; those with labels have 1"),
  emaDecay: belowOne("decay of the teacher's moving average"),
  largestComponent: yesOrNo("keep only the largest component of each class in the pseudo labels"),
});

const mcNet = z.strictObject({
  weight: notNegative("weight of the mutual consistency after the ramp"),
  rampUp: iterations("iterations until the full weight"),
  temperature: positive("temperature of the sharpening"),
});

const densecl = z.strictObject({
  iterations: iterations("iterations of the pretraining"),
  queue: atLeast(1, "keys kept as negatives in each of two queues"),
  size: atLeast(1, "length of the contrasted features"),
  temperature: positive("temperature of the similarities"),
  denseWeight: leaf(
    z.number().min(0).max(1),
    "a number from 0 to 1",
    "weight of the dense contrast; the global one has the rest",
  ),
  momentum: belowOne("decay of the key encoder's moving average"),
  crop: leaf(
    z.number().positive().max(1),
    "a number above 0, at most 1",
    "smallest crop of a view, as a share of each extent",
  ),
  intensity: leaf(
    z.number().min(0).lt(1),
    "a number from 0 to below 1",
    "how far contrast and brightness of a view vary",
  ),
  noise: notNegative("deviation of the noise on a view"),
});

const step = z.int().min(1);
/** A thousand times as much, of which the stages have a seed each, is still exact. */
const MOST_SEED = 9_007_199_254_740;

const inference = z.strictObject({
  stride: leaf(z.tuple([step, step, step]), "[D, H, W], whole numbers, at least 1", "voxels between windows"),
  uncertaintySamples: atLeast(2, "samples behind an uncertainty map"),
  skipOutsideRegion: later(
    z.boolean(),
    false,
    "true or false",
    "windows that lie wholly outside data.regionMask are background without a look",
  ),
});

/** Every choice of a run. Strict: an unknown key is an error. */
export const configSchema = z.strictObject({
  method: oneOf(METHOD_NAMES, "what to train; penumbra methods lists them"),
  init: leaf(
    z.string().nullable(),
    "a run directory, or null",
    "finished run whose weights all networks start from",
  ),
  seed: between(0, MOST_SEED, "seed of all randomness"),
  device: leaf(
    z.string().regex(/^(cpu|mps|cuda(:\d+)?)$/),
    '"cpu", "cuda", "cuda:N" or "mps"',
    "where tensors live",
  ),
  precision: oneOf(
    ["auto", "fp32", "bf16"],
    "auto: bf16 where the device is fast at it; fp32 on CUDA convolves in TF32",
  ),
  threads: between(0, MOST_THREADS, "threads of the engine; 0 takes all cores"),
  data: dataSchema,
  model,
  optimizer,
  stage1,
  prototypes: z.strictObject({ iterations: iterations("iterations that gather class prototypes") }),
  stage2,
  supervised,
  meanTeacher,
  uaMt: z.strictObject({
    passes: atLeast(1, "noisy passes of the teacher whose mean tells its uncertainty"),
  }),
  bcp,
  mcNet,
  densecl,
  auaSharp: z.strictObject({
    temperature: positive("stage2.temperature of aua-sharp"),
    ignoreBackground: yesOrNo("stage2.ignoreBackground of aua-sharp"),
  }),
  ssn: z.strictObject({ samples: evenSamples("logit maps drawn per image") }),
  schedule: z.strictObject({
    scale: positive("multiplies all iterations: lengths, ramps, learning-rate steps, checkpoint interval"),
  }),
  inference,
  memory: z.strictObject({
    limitGb: leaf(
      z.number().positive().nullable(),
      "a number above 0, or null",
      "memory that a step may take (10^9 bytes); null: nine tenths of what is free",
    ),
    recomputeLevels: leaf(
      z.int().min(0).max(5).nullable(),
      "a whole number from 0 to 5, or null",
      "levels of features, from the finest, found again for their gradients instead of kept; null: as memory demands",
    ),
    parts: leaf(
      z.int().min(1).nullable(),
      "a whole number, at least 1, or null",
      "a batch is worked off in so many parts, each with statistics for batch normalization and losses (Dice, masks) of its own; null: as memory demands",
    ),
  }),
  checkpoint: z.strictObject({
    every: iterations("iterations between checkpoints"),
    keep: atLeast(1, "checkpoints that are kept"),
  }),
  validation: z.strictObject({
    every: atLeast(0, "iterations between looks at a few fixed cases (Dice, pictures, features); 0: never"),
    cases: atLeast(0, "test cases among them; nothing is ever chosen by their scores"),
  }),
  log: z.strictObject({
    every: atLeast(1, "iterations between lines of progress"),
    spike: leaf(
      z.number().positive().nullable(),
      "a number above 0, or null",
      "a loss so many median deviations above the median of the last 50 is reported",
    ),
  }),
  citation: leaf(z.array(z.string()), "a list of texts", "what to cite for these data, beside the method"),
});

/** A complete configuration: what `resolveConfig` returns and a run directory stores. */
export type Config = z.infer<typeof configSchema>;

/** A configuration with keys left out, at any depth; arrays are replaced whole. */
export type PartialConfig = { [K in keyof Config]?: Section<Config[K]> };
type Section<T> = T extends readonly unknown[] | null
  ? T
  : T extends object
    ? { [K in keyof T]?: Section<T[K]> }
    : T;

/** All keys in the schema's order, dotted, with what they take and what they do. */
export const CONFIG_KEYS: readonly ConfigKey[] = keysOf(configSchema, "");
