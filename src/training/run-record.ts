import { z } from "zod";
import { badInput } from "../errors.js";

/** The form of run directories that this version reads and writes. */
export const RUN_FORMAT = 1;

const names = z.array(z.string()).readonly();

/** Where the weights of a run came from that were not trained here. */
const imported = z.object({
  /** The file's name, without its folder. */
  file: z.string(),
  sha256: z.string(),
  /** "PyTorch", "PyTorch before 1.6" or "safetensors". */
  form: z.string(),
  /** Names that the file lacked, and those it had beside them. */
  missing: names,
  leftOver: names,
});

const schema = z.object({
  format: z.literal(RUN_FORMAT),
  penumbra: z.string(),
  libtorch: z.string(),
  precision: z.enum(["fp32", "bf16"]),
  /** Threads of the engine, and the processor's name; records of earlier versions lack both. */
  threads: z.number().optional(),
  processor: z.string().optional(),
  created: z.string(),
  git: z.object({ commit: z.string(), modified: z.boolean() }).nullable(),
  data: z.string(),
  classNames: names,
  labeled: names,
  unlabeled: names,
  test: names,
  /** Median voxel size of the training images (mm along D, H, W), null where they store none; records of earlier versions lack it. */
  medianSpacingMm: z.tuple([z.number(), z.number(), z.number()]).readonly().nullish(),
  /** Set when the weights were imported; `data` is "" then and there are no cases. */
  imported: imported.optional(),
  /** Of the cases that it trains on; records of earlier versions lack them. */
  contents: z.record(z.string(), z.string()).readonly().optional(),
  /** SHA-256 of the weights that it starts from, where the configuration names a run to `init` from. */
  initial: z.string().optional(),
  /** Labels drawn by a person that were used, below the data directory. Runs of before they existed have none. */
  corrected: names.optional(),
});

export type ImportRecord = Readonly<z.infer<typeof imported>>;

/** What a run was made from, beside its config: `run.json`. */
export type RunRecord = Readonly<z.infer<typeof schema>>;

/** Checks what a `run.json` holds. @throws PenumbraError "bad-input" naming the file and the field */
export function checkRecord(stored: unknown, path: string): RunRecord {
  const { format, penumbra } = (stored ?? {}) as { format?: unknown; penumbra?: unknown };
  if (typeof format !== "number") throw badInput(`${path} is no record of a run; restore it or train again`);
  if (format !== RUN_FORMAT)
    throw badInput(
      `${path} was written by penumbra ${penumbra} (run format ${format}); this version reads format ${RUN_FORMAT}: use that version, or train again`,
    );
  const { success, data, error } = schema.safeParse(stored);
  if (success) return data;
  const [{ path: field, message }] = error.issues as [z.core.$ZodIssue];
  throw badInput(`${path}: ${field.join(".")}: ${message}; restore it or train again`);
}
