import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeText } from "../files/whole-file.js";
import { filesBehind } from "../volume/files-behind.js";
import { makeCacheFolder } from "./cache-directory.js";

export const sha256OfText = (text: string): string => createHash("sha256").update(text).digest("hex");

/** What changes when a file does, without reading it. */
function stampOf(path: string): string {
  const { size, mtimeNs, ctimeNs, ino } = statSync(path, { bigint: true });
  return [path, size, mtimeNs, ctimeNs, ino].join("\n");
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/** Remembered digests of files: null where a file was never read, or was touched since. Without a folder none is. */
function remember(memory: string | null) {
  if (memory === null) return { recall: () => null, keep: () => {} };
  const placeOf = (stamp: string) => join(memory, sha256OfText(stamp).slice(0, 32));
  return {
    recall(file: string): string | null {
      try {
        const text = readFileSync(placeOf(stampOf(file)), "utf8");
        return /^[0-9a-f]{64}$/.test(text) ? text : null;
      } catch {
        return null;
      }
    },
    /** `stamp` is the file's before it was read: one that changed meanwhile is not remembered. */
    keep(file: string, stamp: string, digest: string): void {
      if (stampOf(file) !== stamp) return;
      makeCacheFolder(memory);
      writeText(placeOf(stamp), digest);
    },
  };
}

const together = (digests: readonly string[]): string =>
  digests.length === 1 ? digests[0]! : sha256OfText(digests.join());

/**
 * SHA-256 of everything that an image's or label's path stands for (a file, a header with its data, a directory).
 * `memory` is a folder in which digests are remembered by the file's path, size, times and inode, so that a file that was
 * not touched is not read again; null: nothing is remembered. Bad input: a path that can't be opened.
 */
export async function contentHash(path: string, memory: string | null): Promise<string> {
  const { recall, keep } = remember(memory);
  const digests: string[] = [];
  for (const file of await filesBehind(path)) {
    const stamp = stampOf(file);
    const known = recall(file);
    const digest = known ?? (await digestOf(file));
    if (!known) keep(file, stamp, digest);
    digests.push(digest);
  }
  return together(digests);
}

/** The hash where it is known without reading the files; else null. Bad input as `contentHash`. */
export async function rememberedHash(path: string, memory: string): Promise<string | null> {
  const { recall } = remember(memory);
  const digests = (await filesBehind(path)).map(recall);
  return digests.every((digest) => digest !== null) ? together(digests) : null;
}
