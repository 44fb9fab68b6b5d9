import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ValidationEntry } from "../src/inference/fixed-cases.js";
import { entropyPerForegroundVoxel, type Ranking } from "../src/inference/rank.js";
import { saveLabel } from "../src/viewer/save-label.js";
import { readLabelMap } from "../src/volume/read.js";
import { writeVolume } from "../src/volume/write.js";
import { type Outcome, penumbra } from "./command-line.js";
import { ball, GRID, madeUpSet, tinyArguments } from "./made-up-data.js";

const root = mkdtempSync(join(tmpdir(), "penumbra-looking-"));
const [data, run] = [join(root, "data"), join(root, "run")];
const train = (out: string, ...more: string[]) =>
  penumbra("train", "--data", data, "--out", out, "--method", "aua", ...tinyArguments(...more));
const linesOf = (path: string) => readFileSync(path, "utf8").trim().split("\n");

let trained: Outcome;
beforeAll(async () => {
  await madeUpSet(data);
  trained = await train(run, "validation.every=2");
  expect(trained.code, trained.stderr).toBe(0);
}, 240_000);
afterAll(() => rmSync(root, { recursive: true }));

describe("a training that is looked at", () => {
  const entries = () =>
    linesOf(join(run, "validation", "log.jsonl")).map((line) => JSON.parse(line) as ValidationEntry);

  it("tells Dice and draws a picture of each network, at each look and at the end of each stage", () => {
    expect(entries().map(({ stage, iteration, total }) => [stage, iteration, total])).toEqual([
      ["stage1", 2, 2],
      ["stage1", 3, 3],
      ["prototypes", 2, 5],
      ["stage2", 2, 7],
      ["stage2", 3, 8],
    ]);
    const [first] = entries();
    expect(first!.cases.map(({ id, split }) => [id, split])).toEqual([
      ["te0", "test"],
      ["te1", "test"],
      ["tr2", "unlabeled"],
      ["tr0", "labeled"],
    ]);
    for (const { cases } of entries()) {
      for (const { dice, pictures, split } of cases) {
        expect(dice === null).toBe(split === "unlabeled");
        for (const file of Object.values(pictures))
          expect(existsSync(join(run, "validation", file))).toBe(true);
      }
    }
    expect(Object.keys(first!.cases[0]!.pictures)).toEqual(["student", "teacher"]);
    expect(Object.keys(entries().at(-1)!.cases[0]!.pictures)).toEqual(["student", "pseudo labels"]);
  });

  it("is said to have learned too little when a class of a case that it trained on is not found", () => {
    const doubts = trained.stderr.split("\n").filter((line) => line.includes("not learned yet"));
    expect(doubts).toHaveLength(3); // at the end of each stage
    const dice = entries().at(-1)!.cases.at(-1)!.dice!.student!;
    const found = `left ball (Dice ${(100 * dice).toFixed(0)} %) in tr0, a labeled case that this was trained on`;
    expect(doubts.at(-1)).toContain(`not learned yet: ${found}`);
  });

  it("keeps features near boundaries: of unit length in stage 1, with prototypes in stage 2", () => {
    const read = (entry: ValidationEntry) =>
      JSON.parse(readFileSync(join(run, "validation", entry.features), "utf8"));
    const [early, late] = [read(entries()[0]!), read(entries().at(-1)!)];
    expect(early.space).toBe("projection");
    expect(early.prototypes).toBeNull();
    for (const { feature } of early.rows.slice(0, 20)) expect(Math.hypot(...feature)).toBeCloseTo(1, 2);
    expect(early.rows.filter((row: { source: string }) => row.source === "labeled").length).toBeGreaterThan(
      50,
    );
    expect(late.space).toBe("embedding");
    expect(late.prototypes).toHaveLength(2);
  });

  it("is the same training, number for number, as one that nobody looks at", async () => {
    const unseen = join(root, "unseen");
    expect((await train(unseen, "validation.every=0")).code).toBe(0);
    expect(existsSync(join(unseen, "validation"))).toBe(false);
    const termsOf = (dir: string) => linesOf(join(dir, "log.jsonl")).map((line) => JSON.parse(line).terms);
    expect(termsOf(run)).toEqual(termsOf(unseen));
    const bytes = (dir: string) => readFileSync(join(dir, "model.safetensors"));
    expect(bytes(run).equals(bytes(unseen))).toBe(true);
  });
});

it("goes on although a line about its fixed cases is torn, and not where a case's files have changed", async () => {
  const [changing, out] = [join(root, "changing-data"), join(root, "changing-run")];
  cpSync(data, changing, { recursive: true });
  const begun = ["--method", "supervised", ...tinyArguments("validation.every=1")];
  expect((await penumbra("train", "--data", changing, "--out", out, ...begun)).code).toBe(0);
  const log = join(out, "validation", "log.jsonl");
  const [first, ...others] = linesOf(log);
  writeFileSync(log, [first!.slice(0, 20), ...others, ""].join("\n"));
  const resume = (...more: string[]) => penumbra("train", "--resume", out, ...more);
  expect((await resume()).code).toBe(0);
  expect(linesOf(log)).toEqual(others);
  const label = join(changing, "labelsTr/tr0.nii.gz");
  writeFileSync(label, readFileSync(join(changing, "labelsTr/tr1.nii.gz")));
  const refused = await resume();
  expect(refused.code).toBe(2);
  expect(refused.stderr).toContain("the files of case tr0 have changed since");
  const forced = await resume("--skip-checks");
  expect(forced.code, forced.stderr).toBe(0);
  expect(forced.stderr).toContain("it goes on, but not to the same bits");
});

it("goes on without a test case that is damaged, which its evaluation names", async () => {
  const odd = join(root, "odd-data");
  cpSync(data, odd, { recursive: true });
  const { image } = ball(10);
  await writeVolume(join(odd, "imagesTs/te0.nii.gz"), { grid: GRID, data: image.fill(7) });
  const out = join(root, "odd-run");
  const args = ["--method", "supervised", ...tinyArguments("validation.every=2")];
  const { code, stderr } = await penumbra("train", "--data", odd, "--out", out, ...args);
  expect(code, stderr).toBe(0);
  expect(stderr).toMatch(/check: .*te0\.nii\.gz: every voxel is 7/);
  const [first] = linesOf(join(out, "validation/log.jsonl")).map(
    (line) => JSON.parse(line) as ValidationEntry,
  );
  expect(first!.cases.map(({ id }) => id)).toEqual(["te1", "tr2", "tr0"]);
});

it("a finished run whose checkpoints are gone is left as it is", async () => {
  const bare = join(root, "bare");
  cpSync(run, bare, { recursive: true });
  rmSync(join(bare, "checkpoints"), { recursive: true });
  const before = readFileSync(join(bare, "log.jsonl"), "utf8");
  const { code, stderr } = await penumbra("train", "--resume", bare);
  expect(code).toBe(2);
  expect(stderr).toContain("is finished and its checkpoints are gone");
  expect(readFileSync(join(bare, "log.jsonl"), "utf8")).toBe(before);
});

it("writes samples beside a prediction, label maps on the scan's own grid", async () => {
  const out = join(root, "out");
  const image = join(data, "imagesTs", "te0.nii.gz");
  const { code, stdout } = await penumbra("predict", image, "--run", run, "--out", out, "--samples", "4");
  expect(code).toBe(0);
  expect(stdout.trim().split("\n")).toHaveLength(5);
  expect(readdirSync(out).sort()).toEqual([
    "te0.nii.gz",
    ...[1, 2, 3, 4].map((n) => `te0_sample_${n}.nii.gz`),
  ]);
  const written = (name: string) => statSync(join(out, name), { bigint: true }).mtimeNs;
  for (const n of [1, 2, 3, 4]) // the label map last: where it is, all is
    expect(written(`te0_sample_${n}.nii.gz`) < written("te0.nii.gz")).toBe(true);
  const [mean, sample] = [join(out, "te0.nii.gz"), join(out, "te0_sample_1.nii.gz")].map((path) =>
    readLabelMap(path),
  );
  expect((await sample)!.grid).toEqual((await mean)!.grid);
  expect(
    (await penumbra("predict", image, "--run", run, "--out", join(root, "odd"), "--samples", "3")).code,
  ).toBe(2);
});

describe("ranking", () => {
  it("divides the whole entropy by the predicted foreground, at least one voxel", () => {
    const entropy = Float32Array.from([0.5, 0.25, 0, 0.25]);
    expect(entropyPerForegroundVoxel(entropy, Uint8Array.from([1, 2, 0, 0]))).toBe(0.5);
    expect(entropyPerForegroundVoxel(entropy, new Uint8Array(4))).toBe(1);
  });

  it("names its rule, ranks unlabeled cases highest first, and leaves out what was labeled meanwhile", async () => {
    const ranked = async () => JSON.parse((await penumbra("rank", "--run", run, "--json")).stdout) as Ranking;
    const { rule, cases } = await ranked();
    expect(rule).toContain("entropy per foreground voxel");
    expect(cases.map(({ id }) => id).sort()).toEqual(["tr2", "tr3"]);
    expect(cases[0]!.value).toBeGreaterThanOrEqual(cases[1]!.value);
    expect(JSON.parse(readFileSync(join(run, "ranking.json"), "utf8")).cases).toEqual(cases);
    const moved = join(root, "moved");
    cpSync(data, moved, { recursive: true });
    await saveLabel(moved, "tr3", ball(3).label); // labeled since, of a set that was moved since
    const there = await penumbra("rank", "--run", run, "--data", moved, "--json");
    expect((JSON.parse(there.stdout) as Ranking).cases.map(({ id }) => id)).toEqual(["tr2"]);
    await saveLabel(data, "tr2", ball(2).label);
    expect((await ranked()).cases.map(({ id }) => id)).toEqual(["tr3"]);
  });

  it("a run does not go on silently with labels that were corrected since", async () => {
    await saveLabel(data, "tr0", ball(0).label);
    const { code, stderr } = await penumbra("train", "--resume", run);
    expect(code).toBe(2);
    expect(stderr).toContain(
      "was trained with these corrected labels: none; now the data has: labelsCorrected/tr0_v1.nii.gz",
    );
  });
});
