import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { badInput } from "../errors.js";
import { checkCanBeMade, makeDirectory, ofOut } from "../files/directory.js";
import { FileLock } from "../files/file-lock.js";
import { writeFailure } from "../files/write-failure.js";

/** Inside the directory of an evaluation while it is made: who makes it, what is made, and what was there before. */
const [LOCK, UNFINISHED, EARLIER] = [".lock", ".unfinished", ".earlier"];
/** What an evaluation consists of; where the last one is, the others are. */
const PARTS = ["labels", "scores.csv", "report.html", "scores.json"] as const;

const isOurs = (name: string): boolean => name === UNFINISHED || name === EARLIER || name.startsWith(LOCK);

/**
 * The directory of an evaluation. Everything is written into a folder inside it and takes an earlier evaluation's place only
 * when it is whole, so that a whole one is there at any moment after the first.
 */
export class EvaluationOutput {
  #lock: FileLock | null = null;
  private constructor(readonly dir: string) {}

  /**
   * Nothing is made yet.
   * @param dir a new or empty directory, or with `replaces` one that holds an earlier evaluation
   * @throws PenumbraError "bad-input" for a directory with other content, "environment" where it can't be written
   */
  static at(dir: string, { replaces }: { readonly replaces: boolean }): EvaluationOutput {
    if (dir === "") throw badInput('the output directory is "": name a new directory with --out');
    checkCanBeMade(dir);
    if (!replaces && existsSync(dir) && !readdirSync(dir).every(isOurs))
      throw badInput(`${dir} is not empty: name a new directory with --out`);
    return new EvaluationOutput(dir);
  }

  /** Makes room, and puts right what a killed evaluation left. @throws PenumbraError "environment" while another is made here */
  begin(): void {
    makeDirectory(this.dir);
    this.#lock = FileLock.take(join(this.dir, LOCK));
    this.#writing(() => {
      this.#putBack();
      rmSync(this.#inside(UNFINISHED), { recursive: true, force: true });
    });
    makeDirectory(this.path("labels"));
  }

  /** Where a part is written. */
  path(part: (typeof PARTS)[number]): string {
    return join(this.dir, UNFINISHED, part);
  }

  labelPath(id: string): string {
    return join(this.path("labels"), `${id}.nii.gz`);
  }

  /** Puts what was made in the place of what was there; where that can't be done, what was there stays. */
  finish(): void {
    this.#writing(() => {
      try {
        mkdirSync(this.#inside(EARLIER));
        for (const part of PARTS.toReversed()) this.#moveIfThere(this.dir, this.#inside(EARLIER), part);
        for (const part of PARTS) renameSync(this.path(part), this.#inside(part));
      } catch (error) {
        this.#putBack();
        throw error;
      }
      rmSync(this.#inside(EARLIER), { recursive: true });
    });
  }

  /** Leaves the directory, without what was not finished. Trouble in that is not what there is to say. */
  end(): void {
    if (!this.#lock?.held()) return;
    try {
      rmSync(this.#inside(UNFINISHED), { recursive: true, force: true });
    } catch {}
    this.#lock.release();
  }

  #inside(name: string): string {
    return join(this.dir, name);
  }

  #moveIfThere(from: string, to: string, part: string): void {
    if (existsSync(join(from, part))) renameSync(join(from, part), join(to, part));
  }

  /** What was there before goes back to its place. */
  #putBack(): void {
    const earlier = this.#inside(EARLIER);
    if (!existsSync(earlier)) return;
    for (const part of PARTS.filter((name) => existsSync(join(earlier, name)))) {
      rmSync(this.#inside(part), { recursive: true, force: true });
      renameSync(join(earlier, part), this.#inside(part));
    }
    rmSync(earlier, { recursive: true });
  }

  #writing(body: () => void): void {
    try {
      body();
    } catch (cause) {
      throw ofOut(writeFailure(this.dir, cause));
    }
  }
}
