import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { badInput } from "../errors.js";
import { throwIfMachine } from "./system-error.js";

/** Below the 2 GiB that one read call may carry. */
const CHUNK_BYTES = 1 << 30;

/** For reading; a pipe does not make the program wait for somebody to write into it. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** A file's bytes, read where they are asked for. Nothing is allocated for bytes that the file does not have. */
export class FileBytes {
  readonly size: number;
  readonly #file: number;

  /** @throws PenumbraError naming the file when it can't be opened, "environment" where the machine is to blame, else "bad-input"; `wanted` says what it should be */
  constructor(
    readonly path: string,
    wanted: string,
  ) {
    try {
      this.#file = openSync(path, READ_FLAGS);
    } catch (cause) {
      throwIfMachine(path, cause);
      throw badInput(`can't open ${path}: ${(cause as Error).message}; give the path of ${wanted}`, cause);
    }
    const stat = fstatSync(this.#file);
    if (!stat.isFile()) {
      closeSync(this.#file);
      throw badInput(`${path} is not a regular file; give the path of ${wanted}`);
    }
    this.size = stat.size;
  }

  /** `length` bytes from `position`, in a buffer of their own. @throws PenumbraError "bad-input" past the end */
  read(position: number, length: number): Uint8Array {
    if (!(position >= 0 && length >= 0 && position + length <= this.size)) {
      throw badInput(
        `${this.path} is damaged: bytes ${position} to ${position + length} are asked for, it has ${this.size}`,
      );
    }
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length; ) {
      const got = readSync(this.#file, bytes, done, Math.min(CHUNK_BYTES, length - done), position + done);
      if (got === 0) throw badInput(`${this.path} became shorter while it was being read; try again`);
      done += got;
    }
    return bytes;
  }

  close(): void {
    closeSync(this.#file);
  }
}
