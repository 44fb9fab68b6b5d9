import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seeded } from "#dist/data/random.js";
import { DICOM_TARGETS } from "./dicom-targets.js";
import { IMAGE_TARGETS } from "./image-targets.js";
import { PICTURE_TARGETS } from "./picture-targets.js";
import type { Prepared, Target } from "./target.js";
import { TEXT_HEADER_TARGETS } from "./text-header-targets.js";
import { TEXT_TARGETS } from "./text-targets.js";
import { WEIGHT_TARGETS } from "./weight-targets.js";

/** New ones at the end: the place is part of what makes an input. */
export const TARGETS: readonly Target[] = [
  ...WEIGHT_TARGETS,
  ...IMAGE_TARGETS,
  ...TEXT_TARGETS,
  ...TEXT_HEADER_TARGETS,
  ...DICOM_TARGETS,
  ...PICTURE_TARGETS,
];

/** Longest that one input may take, in time of the processor: other programs do not count. */
export const LIMIT_MS = 2000;
/** Most memory that reading may take over what the process had when it began; inputs are some kilobytes. */
export const LIMIT_BYTES = 512 * 2 ** 20;
const MAX_MESSAGE = 2001;

/** What a reader must not do with an input. */
export interface Fault {
  readonly target: string;
  readonly index: number;
  readonly what: string;
}

export interface Tally {
  accepted: number;
  refused: number;
  slowestMs: number;
  readonly faults: Fault[];
}

export interface Trial {
  readonly target: Target;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** Before each input, and waited for. */
  readonly onInput?: (index: number) => Promise<void>;
}

/** The folder that inputs with faults are kept in, if any. */
function keep(faults: string | undefined, { target, index }: Fault, input: Uint8Array): void {
  if (!faults) return;
  mkdirSync(faults, { recursive: true });
  writeFileSync(join(faults, `${target}-${index}`), input);
}

/** What is wrong with how an input was refused; null: a typed error of one readable line. */
function refusalFault(error: unknown): string | null {
  if (!(error instanceof Error && error.name === "PenumbraError")) {
    return `threw ${error instanceof Error ? (error.stack ?? error.message).split("\n").slice(0, 3).join(" ") : String(error)}`;
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  if (/[\u0000-\u001f\u007f-\u009f]/.test(error.message))
    return `its message has control characters: ${JSON.stringify(error.message.slice(0, 300))}`;
  return error.message.length > MAX_MESSAGE
    ? `its message has ${error.message.length} letters: ${error.message.slice(0, 200)}`
    : null;
}

/** Reads one input and says what went wrong, or whether it was accepted. */
async function tryOne(
  prepared: Prepared,
  input: Buffer,
): Promise<{ accepted: boolean; fault: string | null; ms: number }> {
  writeFileSync(prepared.path, input);
  const start = process.cpuUsage();
  let fault: string | null = null;
  let accepted = true;
  try {
    await prepared.read();
  } catch (error) {
    accepted = false;
    fault = refusalFault(error);
  }
  const { user, system } = process.cpuUsage(start);
  const ms = (user + system) / 1000;
  if (ms > LIMIT_MS) fault ??= `took ${Math.round(ms)} ms`;
  return { accepted, fault, ms };
}

/** Tries a range of a target's inputs. Input i of a seed is always the same. */
export async function tryInputs(
  { target, seed, from, to, onInput }: Trial,
  faultsDir?: string,
): Promise<Tally> {
  const dir = mkdtempSync(join(tmpdir(), "penumbra-fuzz-"));
  const number = TARGETS.indexOf(target);
  const tally: Tally = { accepted: 0, refused: 0, slowestMs: 0, faults: [] };
  try {
    const prepared = await target.prepare(dir);
    const limit = process.resourceUsage().maxRSS * 1024 + LIMIT_BYTES;
    let overLimit = false;
    for (let index = from; index < to; index++) {
      await onInput?.(index);
      const input = prepared.mutated(seeded(seed, number, index));
      const { accepted, fault, ms } = await tryOne(prepared, input);
      tally[accepted ? "accepted" : "refused"]++;
      tally.slowestMs = Math.max(tally.slowestMs, ms);
      const grown: boolean = !overLimit && process.resourceUsage().maxRSS * 1024 > limit;
      overLimit ||= grown;
      const what = fault ?? (grown ? `took memory over the limit of ${LIMIT_BYTES} bytes` : null);
      if (what === null) continue;
      tally.faults.push({ target: target.name, index, what });
      keep(faultsDir, { target: target.name, index, what }, input);
    }
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
  return tally;
}

/** How many of so many mutations go to each target. */
export function sharesOf(mutations: number, targets: readonly Target[]): number[] {
  const whole = targets.reduce((sum, { share }) => sum + share, 0);
  return targets.map(({ share }) => Math.max(1, Math.round((mutations * share) / whole)));
}
