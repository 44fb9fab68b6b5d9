import { spawn } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { refusal } from "../errors.testing.js";
import { FileLock } from "./file-lock.js";
import { lifeOf, type ProcessIdentity, thisProcess } from "./process-identity.js";

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-lock-"));
  path = join(dir, "run.lock");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const linux = process.platform === "linux";

/** A process that has ended. */
function deadProcess(): Promise<number> {
  const child = spawn("true");
  return new Promise((done) => child.on("close", () => done(child.pid!)));
}

describe("a lock", () => {
  it("is held until it is released, and says whose it is", () => {
    const lock = FileLock.take(path);
    expect(lock.held()).toBe(true);
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ pid: process.pid });
    expect(refusal(() => FileLock.take(path))).toMatchObject({
      code: "environment",
      message: expect.stringContaining(`${path}: in use by process ${process.pid}`),
    });
    expect(FileLock.isTaken(path)).toBe(true);
    lock.release();
    expect(FileLock.isTaken(path)).toBe(false);
    expect(readdirSync(dir)).toEqual([]);
    FileLock.take(path).release();
  });

  it("is no longer held when it was removed, or another has it", () => {
    const lock = FileLock.take(path);
    rmSync(path);
    expect(lock.held()).toBe(false);
    const other = FileLock.take(path);
    expect(lock.held()).toBe(false);
    lock.release();
    expect(other.held()).toBe(true);
    rmSync(dir, { recursive: true });
    expect(other.held()).toBe(false);
    other.release();
  });

  it.skipIf(!linux)("of a process that is gone is taken over, and it is said whose it was", async () => {
    const pid = await deadProcess();
    writeFileSync(path, JSON.stringify({ ...thisProcess(), pid }));
    const owners: ProcessIdentity[] = [];
    const lock = FileLock.take(path, (owner) => owners.push(owner));
    expect(owners.map((owner) => owner.pid)).toEqual([pid]);
    expect(lock.held()).toBe(true);
    expect(readdirSync(dir)).toEqual(["run.lock"]);
  });

  it.skipIf(!linux)("that was copied with its directory holds nobody back", () => {
    const lock = FileLock.take(path);
    const copy = join(dir, "copy");
    mkdirSync(copy);
    copyFileSync(path, join(copy, "run.lock"));
    expect(FileLock.isTaken(join(copy, "run.lock"))).toBe(false);
    FileLock.take(join(copy, "run.lock")).release();
    expect([lock.held(), FileLock.isTaken(path)]).toEqual([true, true]);
  });

  it.each([
    ["of another host", JSON.stringify({ ...thisProcess(), host: "elsewhere" }), "on elsewhere"],
    ["that says nothing", "", "a process that can't be told"],
    ["that is no JSON object", "null", "a process that can't be told"],
  ])("%s is never taken over; the way out is said", (_, text, who) => {
    writeFileSync(path, text);
    const { message } = refusal(() => FileLock.take(path));
    expect(message).toContain(who);
    expect(message).toContain("if it is surely gone, remove the file");
    expect(readFileSync(path, "utf8")).toBe(text);
  });

  it("in a directory that is not there is refused", () => {
    expect(refusal(() => FileLock.take(join(dir, "no", "run.lock"))).code).toBe("bad-input");
    expect(existsSync(join(dir, "no"))).toBe(false);
  });
});

describe.skipIf(!linux)("a process", () => {
  const here = thisProcess();
  it("is alive as long as it runs", () => {
    expect(lifeOf(here)).toBe("alive");
    expect(lifeOf({ ...here, pid: process.ppid, started: "0" })).toBe("dead"); // its number went to another
  });

  it("is dead before this start of the machine, unknown elsewhere", () => {
    expect(lifeOf({ ...here, boot: "another" })).toBe("dead");
    expect(lifeOf({ ...here, host: "another" })).toBe("unknown");
    expect(lifeOf({ ...here, namespace: "pid:[1]" })).toBe("unknown");
  });

  it("is dead as soon as it was killed, even if nobody has asked for its exit code", async () => {
    const parent = spawn("sh", ["-c", "sleep 100 & echo $!; exec sleep 100"]); // then waits for nobody
    const pid = await new Promise<number>((done) =>
      parent.stdout.once("data", (text: Buffer) => done(Number(text.toString()))),
    );
    const isSleep = () => readFileSync(`/proc/${parent.pid}/comm`, "utf8").startsWith("sleep");
    while (!isSleep()) await new Promise((done) => setTimeout(done, 5));
    process.kill(pid, "SIGKILL");
    const stat = () => readFileSync(`/proc/${pid}/stat`, "utf8");
    while (!/\) Z /.test(stat())) await new Promise((done) => setTimeout(done, 5));
    const started = stat().split(") ")[1]!.split(" ")[19]!;
    expect(lifeOf({ ...here, pid, started })).toBe("dead");
    parent.kill("SIGKILL");
  });
});
