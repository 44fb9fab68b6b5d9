import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { program, run } from "./main.js";

let shown = "";
let complained = "";
beforeEach(() => {
  shown = "";
  complained = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    shown += text;
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    complained += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

const penumbra = (...args: string[]) => run(["node", "penumbra", ...args]);

describe("help", () => {
  it("lists the commands and is no error", async () => {
    expect(await penumbra("--help")).toBe(0);
    for (const { name, description } of program().commands.map((c) => ({
      name: c.name(),
      description: c.description(),
    }))) {
      expect(shown).toContain(`  ${name} `);
      expect(description).toMatch(/^[A-Z].*\.$/);
    }
  });

  it.each(program().commands.map((command) => command.name()))("%s explains its options", async (name) => {
    expect(await penumbra(name, "--help")).toBe(0);
    expect(shown).toContain(`Usage: penumbra ${name}`);
  });

  it("lists presets and keys", async () => {
    expect(await penumbra("train", "--list-keys")).toBe(0);
    expect(shown).toMatch(/^ {2}la-half +left atrium/m);
    expect(shown).toMatch(/^stage1\.contrast\.temperature +.*\[0\.07\]$/m);
  });
});

describe("errors are one line and exit code 2", () => {
  it.each([
    ["train --dta x", "unknown option '--dta' (Did you mean --data?)"],
    ["trian", "unknown command 'trian' (Did you mean train?)"],
    ["train --labeled 0", "expected a whole number, at least 1"],
    ["train --labeled 1.5", "expected a whole number, at least 1"],
    ["train --method foo", "Allowed choices are supervised, ssn, mean-teacher, ua-mt, aua-consistency"],
    ["train --resume a --out b", "option '--resume <run>' cannot be used with option '--out <run>'"],
    ["train --out runs/x", "--data is missing"],
    ["evaluate --run a", "required option '--data <dir>' not specified"],
    ["predict --run a --out b", "missing required argument 'image'"],
    [
      "predict --run a --out b --probabilities scan.nii.gz",
      "expected float32 or int16; name the scans before it, or write --probabilities=float32",
    ],
  ])("%s", async (line, text) => {
    expect(await penumbra(...line.split(" "))).toBe(2);
    expect(complained).toContain(text);
    expect(complained).toMatch(/^penumbra: [^\n]*\n$/);
  });
});

it.each([
  [["train", "--data", "x", "--out", "y", "--init", ""], "--init is empty"],
  [["predict", "--run", "x", "--out", "", "scan.nii"], "--out is empty"],
  [["predict", "--run", "x", "--out", "y", ""], "a name on the command line is empty"],
])("an empty value is an unset variable, and no choice: %j", async (args, text) => {
  expect(await penumbra(...args)).toBe(2);
  expect(complained).toBe(
    `penumbra: ${text}; give it${text.includes("name") ? "" : " a value"}, or leave it out\n`,
  );
});

describe("what commands throw", () => {
  it("keeps each kind's exit code", async () => {
    const dir = mkdtempSync(join(tmpdir(), "penumbra-cli-"));
    expect(await penumbra("train", "--data", join(dir, "none"), "--out", join(dir, "run"))).toBe(2);
    expect(complained).toContain("none: no such folder");
    expect(complained).not.toContain("    at ");
    rmSync(dir, { recursive: true });
  });

  it("gives a bug the code 1 and says how to learn more", async () => {
    vi.spyOn(process.stdout, "write").mockImplementation(() => {
      throw new TypeError("boom");
    });
    expect(await penumbra("doctor", "--json")).toBe(1);
    expect(complained).toBe("penumbra: bug: boom; run it again with --debug to see where\n");
  });

  it.each([
    { code: "ENOSPC", said: /no space left on device/ },
    { code: "ENOENT", syscall: "uv_cwd", said: /the current directory was removed/ },
  ])("takes $code of the system for no bug", async ({ said, ...reason }) => {
    vi.spyOn(process.stdout, "write").mockImplementation(() => {
      throw Object.assign(new Error("no space left on device"), reason);
    });
    expect(await penumbra("doctor", "--json")).toBe(3);
    expect(complained).toMatch(said);
    expect(complained).toMatch(/^penumbra: (?!bug)[^\n]*\n$/);
  });

  it("shows where with --debug", async () => {
    expect(await penumbra("train", "--debug")).toBe(2);
    expect(complained).toMatch(/^penumbra: --data is missing.*\nPenumbraError: .*\n {4}at /);
  });
});
