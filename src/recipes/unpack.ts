import { execFile } from "node:child_process";
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { badInput, PenumbraError } from "../errors.js";
import { makeDirectories } from "../files/directory.js";
import { ifThere } from "../files/there.js";

const run = promisify(execFile);

/** The folder with dataset.json: the one named, or one below it. */
async function setFolder(dir: string): Promise<string> {
  const folders = [dir];
  for (const entry of (await ifThere(dir, (path) => readdir(path, { withFileTypes: true }))) ?? []) {
    if (entry.isDirectory() && !entry.name.startsWith(".")) folders.push(join(dir, entry.name));
  }
  for (const folder of folders) if (await ifThere(join(folder, "dataset.json"), stat)) return folder;
  throw badInput(
    `${dir}: has no dataset.json, nor a folder with one; expected a Decathlon task (Task04_Hippocampus.tar, or what it holds)`,
  );
}

/**
 * The folder of a Decathlon task: an archive is unpacked into `scratch` by the system's tar first.
 * Bad input: no such file or folder, no task in it; "environment" without tar.
 */
export async function decathlonFolder(raw: string, scratch: string): Promise<string> {
  const found = await ifThere(raw, stat);
  if (!found) throw badInput(`${raw}: no such file or folder; name the task's .tar or folder by --in`);
  if (found.isDirectory()) return setFolder(raw);
  if (!/\.(tar|tar\.gz|tgz)$/i.test(raw)) throw badInput(`${raw}: expected a folder or a .tar`);
  makeDirectories(scratch);
  try {
    await run("tar", ["-xf", raw, "-C", scratch]);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT")
      throw new PenumbraError(
        "environment",
        `tar is missing, which unpacks ${raw}; install it or unpack it by hand`,
        { cause },
      );
    throw badInput(
      `${raw}: can't be unpacked (${message.split("\n").at(-2) ?? message}); is it whole?`,
      cause,
    );
  }
  return setFolder(scratch);
}
