import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { badInput, PenumbraError } from "../errors.js";
import { checkCanBeMade, makeDirectory } from "../files/directory.js";
import { writeFailure } from "../files/write-failure.js";

/** Where an evaluation is made, inside the directory that it is for. */
const UNFINISHED = ".unfinished";
/** What an evaluation consists of; where the last one is, the others are. */
const PARTS = ["labels", "scores.csv", "report.html", "scores.json"] as const;

/**
 * The directory of an evaluation. Everything is written into a folder inside it and takes an earlier evaluation's place only
 * when it is whole, so that nothing is lost where the new one fails.
 */
export class EvaluationOutput {
  private constructor(readonly dir: string) {}

  /**
   * Nothing is made yet.
   * @param dir a new or empty directory, or with `replaces` one that holds an earlier evaluation
   * @throws PenumbraError "bad-input" for a directory with other content, "environment" where it can't be written
   */
  static at(dir: string, { replaces }: { readonly replaces: boolean }): EvaluationOutput {
    if (dir === "") throw badInput('the output directory is "": name a new directory with --out');
    checkCanBeMade(dir);
    if (!replaces && existsSync(dir) && readdirSync(dir).some((name) => name !== UNFINISHED))
      throw badInput(`${dir} is not empty: name a new directory with --out`);
    return new EvaluationOutput(dir);
  }

  /** Makes room; what a killed evaluation left is removed. */
  begin(): void {
    writing(this.dir, () => rmSync(this.unfinished, { recursive: true, force: true }));
    makeDirectory(this.path("labels"));
  }

  get unfinished(): string {
    return join(this.dir, UNFINISHED);
  }

  path(part: (typeof PARTS)[number]): string {
    return join(this.unfinished, part);
  }

  labelPath(id: string): string {
    return join(this.path("labels"), `${id}.nii.gz`);
  }

  /** Puts what was made in the place of what was there. */
  finish(): void {
    writing(this.dir, () => {
      for (const part of PARTS.toReversed()) rmSync(join(this.dir, part), { recursive: true, force: true });
      for (const part of PARTS) renameSync(this.path(part), join(this.dir, part));
      rmSync(this.unfinished, { recursive: true });
    });
  }

  /** Removes what was made so far. Where that fails, too, the trouble before it is what there is to say. */
  discard(): void {
    try {
      rmSync(this.unfinished, { recursive: true, force: true });
    } catch {}
  }
}

function writing(dir: string, body: () => void): void {
  try {
    body();
  } catch (cause) {
    const { code, message } = writeFailure(dir, cause);
    throw new PenumbraError(code, `${message}; name another with --out`, { cause });
  }
}
