import { PenumbraError } from "../errors.js";
import type { FileLock } from "../files/file-lock.js";
import { WriteError } from "../files/write-failure.js";
import { shellWord } from "../shell-word.js";
import { type Checkpoint, type Position, saveCheckpoint } from "./checkpoint.js";
import type { Config } from "./config.js";
import type { IterationReport } from "./iteration.js";
import { type LossSpike, LossSpikes } from "./loss-spikes.js";
import { checkpointsOf } from "./run-directory.js";
import { RunLog } from "./run-log.js";

export interface RecorderOptions {
  readonly dir: string;
  readonly config: Config;
  readonly lock: FileLock;
  /** Where the run goes on from. */
  readonly from: Position | null;
  /** Skipped steps and jumps of the loss are said here, too. */
  readonly onStatus: (line: string) => void;
}

/** Puts down in the run directory what happens in a run: a line for each iteration, and checkpoints. */
export class RunRecorder {
  readonly #log: RunLog;
  readonly #spikes: LossSpikes;
  #saved: Position | null;

  constructor(readonly options: RecorderOptions) {
    const { dir, config, from } = options;
    this.#log = new RunLog(dir, from?.total ?? 0);
    this.#spikes = new LossSpikes(config.log.spike);
    for (const entry of this.#log.before) this.#spikes.see(entry);
    this.#saved = from;
  }

  /** @throws PenumbraError "environment" when the directory is gone, another's, or can't be written */
  iteration(report: IterationReport): void {
    const { dir, lock, onStatus } = this.options;
    const spike = this.#spikes.see(report);
    this.guard(() => {
      if (!lock.held())
        throw new PenumbraError(
          "environment",
          `${dir} was removed or taken while training; training stopped`,
        );
      this.#log.append(report, spike);
    });
    const remark = remarkOn(report, spike);
    if (remark) onStatus(remark);
  }

  /** @throws as `iteration`, and as `saveCheckpoint` for a state that is not finite */
  save(checkpoint: Checkpoint): void {
    const { dir, config } = this.options;
    this.guard(() => {
      this.#log.sync(); // a checkpoint must not be ahead of the log
      saveCheckpoint(checkpointsOf(dir), checkpoint, config.checkpoint.keep);
    });
    this.#saved = checkpoint.position;
  }

  close(): void {
    this.#log.close();
  }

  /**
   * Does what writes into the run directory. Whatever path that failed on, it is the machine's doing by now; says what there is
   * to go on from.
   * @throws PenumbraError "environment"
   */
  guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      const next = this.#saved
        ? `its last checkpoint, after ${this.#saved.iteration} iterations of ${this.#saved.stage}, is whole; ` +
          `go on with: penumbra train --resume ${shellWord(this.options.dir)}`
        : "there is no checkpoint yet";
      throw new PenumbraError("environment", `${error.message}; training stopped; ${next}`, { cause: error });
    }
  }
}

function remarkOn(report: IterationReport, spike: LossSpike | null): string | null {
  const { stage, iteration, skipped, loss, caseIds } = report;
  const where = `${stage} ${iteration}`;
  const cases = `cases ${caseIds.join(", ")}`;
  if (skipped) return `${where}: step skipped, ${skipped} not finite (${cases})`;
  if (!spike) return null;
  return `${where}: loss ${loss.toFixed(3)}, the median before it is ${spike.median.toFixed(3)} (${cases})`;
}
