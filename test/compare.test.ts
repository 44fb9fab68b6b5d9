import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type CompareOptions, compare } from "../src/compare/compare.js";
import type { Comparison } from "../src/compare/comparison.js";
import { FileLock } from "../src/files/file-lock.js";
import { evaluate } from "../src/inference/evaluate.js";
import { readRunLog } from "../src/training/run-log.js";
import type { ValidationPoint } from "../src/viewer/api.js";
import { madeUpSet, TINY } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-compare-"));
const data = join(dir, "data");
const out = join(dir, "out");
const again = (change: Partial<CompareOptions> = {}) => {
  const lines: string[] = [];
  const trained: string[] = [];
  const result = compare({
    data,
    out,
    methods: ["supervised", "ua-mt"],
    seeds: 2,
    labeled: 1,
    set: TINY,
    onStatus: (line) => lines.push(line),
    onIteration: ({ stage, iteration }) => trained.push(`${stage} ${iteration}`),
    ...change,
  });
  return result.then((comparison) => ({ comparison, lines, trained }));
};
const modelOf = (method: string, seed: number) =>
  join(out, "runs", method, `seed-${seed}`, "model.safetensors");
const files = ["comparison.json", "comparison.csv", "comparison.md", "curves.csv", "dice.svg", "report.html"];
const readJson = (): Comparison => JSON.parse(readFileSync(join(out, "comparison.json"), "utf8"));

beforeAll(async () => {
  await madeUpSet(data);
  await madeUpSet(join(dir, "unscored"), { testLabels: false });
  mkdirSync(join(dir, "work/runs/aua-la"), { recursive: true });
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true }));

it("stops when it is told to, and the same call goes on from there to the same end", async () => {
  const stop = new AbortController();
  const begun: string[] = [];
  const onIteration = ({ stage, iteration }: { stage: string; iteration: number }) => {
    begun.push(`${stage} ${iteration}`);
    if (begun.length === 5) stop.abort(); // in the first iteration of ua-mt
  };
  await expect(again({ signal: stop.signal, onIteration })).rejects.toMatchObject({ code: "interrupted" });
  const before = statSync(modelOf("supervised", 1)).mtimeMs;
  expect(readJson()).toMatchObject({ planned: 4, cells: [{ seed: 0 }, { seed: 1 }] });
  for (const file of ["report.html", "comparison.md"])
    expect(readFileSync(join(out, file), "utf8")).toContain("Not all is done yet: 2 of 4 runs");

  const { comparison, trained } = await again();
  expect(begun).toEqual([
    ..."12".split("").map((n) => `supervised ${n}`),
    "supervised 1",
    "supervised 2",
    "ua-mt 1",
  ]);
  expect(trained).toEqual(["ua-mt 2", "ua-mt 1", "ua-mt 2"]);
  expect(statSync(modelOf("supervised", 1)).mtimeMs).toBe(before);
  expect(comparison.cells.map(({ method, seed, diverged }) => [method, seed, diverged])).toEqual([
    ["supervised", 0, null],
    ["supervised", 1, null],
    ["ua-mt", 0, null],
    ["ua-mt", 1, null],
  ]);
  expect(readJson()).toEqual(comparison);
  for (const file of files) expect(existsSync(join(out, file)), file).toBe(true);
  const picture = readFileSync(join(out, "dice.svg"), "utf8");
  expect(picture).toContain('viewBox="0 0 960 134"');
  expect(picture.match(/<circle /g)?.length).toBe(4); // two methods, two cases
  const curves = readFileSync(join(out, "curves.csv"), "utf8").trim().split("\n");
  expect(curves[0]).toBe("method,seed,term,iteration,mean_of_50");
  const first = readRunLog(join(out, "runs", "supervised", "seed-0")).map(({ terms }) => terms.supervised!);
  const [method, seed, term, end, mean] = curves[1]!.split(",");
  expect([method, seed, term, end]).toEqual(["supervised", "0", "supervised", "50"]);
  expect(Number(mean)).toBeCloseTo(first.reduce((a, b) => a + b) / first.length, 3);
}, 300_000);

it("keeps pictures of each training's fixed cases, of one that was gone on with too", () => {
  for (const run of ["supervised/seed-0", "ua-mt/seed-0"]) {
    const validation = join(out, "runs", run, "validation");
    const looks = readFileSync(join(validation, "log.jsonl"), "utf8").trim().split("\n");
    const { cases } = JSON.parse(looks.at(-1)!) as ValidationPoint;
    for (const { pictures } of cases)
      for (const name of Object.values(pictures)) expect(existsSync(join(validation, name)), name).toBe(true);
    expect(cases.length).toBeGreaterThan(0);
  }
});

it("trains and scores nothing twice", async () => {
  const scored = join(out, "runs/ua-mt/seed-1/evaluation-test/scores.json");
  const [before, table] = [statSync(scored).mtimeMs, readFileSync(join(out, "comparison.md"), "utf8")];
  const { trained } = await again();
  expect(trained).toEqual([]);
  expect(statSync(scored).mtimeMs).toBe(before);
  expect(readFileSync(join(out, "comparison.md"), "utf8")).toBe(table);
});

it("takes seeds that were trained into another directory, once their runs are copied together", async () => {
  const change = { out: join(dir, "second-machine"), methods: ["supervised"], seeds: 1, firstSeed: 1 };
  const alone = await again(change);
  expect(alone.comparison.cells.map(({ seed }) => seed)).toEqual([1]);
  cpSync(join(out, "runs/supervised/seed-0"), join(change.out, "runs/supervised/seed-0"), {
    recursive: true,
  });
  const together = await again({ ...change, firstSeed: 0, seeds: 2 });
  expect(together.trained).toEqual([]);
  const scores = ({ comparison }: typeof alone) =>
    comparison.cells.flatMap(({ method, seed, evaluation }) =>
      method === "supervised" ? [[seed, evaluation?.cases]] : [],
    );
  expect(scores(together)).toEqual(scores(await again()));
});

it("keeps what earlier calls finished in the tables, whatever it is asked for", async () => {
  const before = await again();
  const { comparison, trained } = await again({ methods: ["supervised"], seeds: 1 });
  expect(trained).toEqual([]);
  expect(comparison.methods.map(({ method, seeds }) => [method, seeds])).toEqual([
    ["supervised", 2],
    ["ua-mt", 2],
  ]);
  const byName = (cells: Comparison["cells"]) => cells.map(({ run }) => run).sort();
  expect(byName(readJson().cells)).toEqual(byName(before.comparison.cells));
});

it("works on a directory alone", async () => {
  const lock = FileLock.take(join(out, "compare.lock"));
  writeFileSync(lock.path, JSON.stringify({ pid: 1, host: "another-machine" }));
  await expect(again()).rejects.toMatchObject({
    code: "environment",
    message: expect.stringContaining(`${lock.path}: in use by process 1 on another-machine`),
  });
  rmSync(lock.path);
  await again();
  expect(existsSync(lock.path)).toBe(false);
});

it("stops between the scores of cases, and scores them another time", async () => {
  const stop = new AbortController();
  const change = { out: join(dir, "stopped-scoring"), methods: ["supervised"], seeds: 1 };
  const onStatus = (line: string) => {
    if (line.startsWith("segmenting")) stop.abort();
  };
  await expect(again({ ...change, signal: stop.signal, onStatus })).rejects.toMatchObject({
    code: "interrupted",
  });
  expect(existsSync(join(change.out, "comparison.json"))).toBe(false);
  expect(readdirSync(join(change.out, "runs/supervised/seed-0/evaluation-test"))).toEqual([]);
  const { comparison, trained } = await again(change);
  expect(trained).toEqual([]);
  expect(comparison.cells[0]!.evaluation!.cases).toHaveLength(2);
});

it("refuses runs that were trained in another precision, or from other weights", async () => {
  const record = join(out, "runs/supervised/seed-0/run.json");
  const text = readFileSync(record, "utf8");
  writeFileSync(record, text.replace('"precision": "fp32"', '"precision": "bf16"'));
  await expect(again()).rejects.toThrow(
    /supervised\/seed-0 .*precision: bf16 there, fp32 here, which --precision bf16 changes/,
  );
  writeFileSync(record, JSON.stringify({ ...JSON.parse(text), initial: "of other weights" }));
  await expect(again()).rejects.toThrow(/supervised\/seed-0 .*init: other weights there than here/);
  writeFileSync(record, text);
});

it("scores again what was stopped while it was scored", async () => {
  const scored = join(out, "runs/ua-mt/seed-1/evaluation-test/scores.json");
  const whole = readFileSync(scored, "utf8");
  writeFileSync(scored, whole.slice(0, 40));
  await again();
  expect(readFileSync(scored, "utf8")).toBe(whole);
});

it("takes over scores of the same test cases only, and cells of the same cases", async () => {
  const own = join(dir, "own");
  cpSync(data, own, { recursive: true });
  const change = { data: own, out: join(dir, "cases"), methods: ["supervised"], seeds: 1 };
  const first = await again(change);
  const run = join(change.out, "runs/supervised/seed-0");
  await evaluate({ run, data, uncertainty: false }); // someone else's look at other scans
  expect((await again(change)).comparison).toEqual(first.comparison);
  const label = join(own, "labelsTr/tr0.nii.gz");
  const before = readFileSync(label);
  writeFileSync(label, readFileSync(join(own, "labelsTr/tr1.nii.gz")));
  await expect(again(change)).rejects.toThrow(/seed-0 .*case tr0: its files have changed since/);
  writeFileSync(label, before);
  const tested = join(own, "labelsTs/te0.nii.gz");
  const reference = readFileSync(tested);
  writeFileSync(tested, gzipSync(gunzipSync(reference).fill(0, 352))); // background alone
  const other = (await again(change)).comparison.cells[0]!.evaluation!;
  expect(other.missing).toBeGreaterThan(0);
  expect(other).not.toEqual(first.comparison.cells[0]!.evaluation);
  writeFileSync(tested, reference);
  expect((await again(change)).comparison).toEqual(first.comparison);
  rmSync(join(own, "labelsTs/te1.nii.gz"));
  const fewer = await again(change);
  expect(fewer.comparison.cells[0]!.evaluation!.cases.map(({ id }) => id)).toEqual(["te0"]);
  const list = join(own, "dataset.json");
  const dataset = JSON.parse(readFileSync(list, "utf8")) as { training: unknown[] };
  writeFileSync(list, JSON.stringify({ ...dataset, training: dataset.training.slice(0, -1) }));
  await expect(again(change)).rejects.toThrow(/unlabeled cases: 3 there, 2 here/);
}, 60_000);

it("shows a run that diverged, does not try it again, and counts it", async () => {
  const set = [...TINY, "optimizer.learningRate=1e30", "supervised.iterations=40"];
  const change = { out: join(dir, "diverged"), methods: ["supervised"], seeds: 1, set };
  const { comparison } = await again(change);
  const [cell] = comparison.cells;
  expect(cell).toMatchObject({
    evaluation: null,
    diverged: expect.stringContaining("not finite, and 20 steps in a row"),
  });
  expect(comparison.methods[0]).toMatchObject({ seeds: 1, diverged: 1, classes: [] });
  const text = (file: string) => readFileSync(join(dir, "diverged", file), "utf8");
  expect(text("comparison.md")).toContain("0 (1 of 1 diverged)");
  expect(text("comparison.csv")).toContain("supervised,0,diverged,,,,,,");
  expect(text("report.html")).toContain("supervised, seed 0 diverged: supervised, iteration");
  const second = await again(change);
  expect(second.trained).toEqual([]);
  expect(second.comparison).toEqual(comparison);
}, 60_000);

it.each<[string, Partial<CompareOptions>, RegExp]>([
  [
    "other settings of a later method",
    { methods: ["mean-teacher", "ua-mt"], set: [...TINY, "meanTeacher.weight=0.5"] },
    /meanTeacher\.weight: 0\.1 there, 0\.5 here/,
  ],
  [
    "other settings of a method that it is not asked for",
    { methods: ["mean-teacher"], set: [...TINY, "uaMt.passes=3"] },
    /supervised\/seed-0 .*uaMt\.passes: 8 there, 3 here/,
  ],
  ["a seed in --set", { set: [...TINY, "seed=7"] }, /--set seed: .*use --seeds and --first-seed/],
  [
    "weights that are not there",
    { out: join(dir, "nowhere"), init: join(dir, "data") },
    /it has no model\.safetensors/,
  ],
  ["other labels", { labeled: 2 }, /labeled cases: 1 there, 2 here/],
  ["an unknown method", { methods: ["ua-mt", "uamt"] }, /unknown method "uamt"; did you mean "ua-mt"\?/],
  ["a method named twice", { methods: ["ua-mt", "ua-mt"] }, /"ua-mt" is named twice/],
  ["no seed", { seeds: 0 }, /seeds is 0; expected how many/],
  ["a seed that is none", { firstSeed: 0.5 }, /the first seed is 0.5/],
  ["no method", { methods: [] }, /no method to compare/],
  ["a directory of something else", { out: join(dir, "data") }, /is not empty and holds no comparison/],
  ["a directory of other runs", { out: join(dir, "work") }, /is not empty and holds no comparison/],
  ["no name of a directory", { out: "" }, /--out is ""/],
  [
    "data without a test label",
    { data: join(dir, "unscored"), out: join(dir, "nowhere") },
    /no label for any/,
  ],
])("refuses %s before it trains", async (_, change, text) => {
  const trained: string[] = [];
  const onIteration = ({ stage }: { stage: string }) => trained.push(stage);
  await expect(again({ ...change, onIteration })).rejects.toMatchObject({
    code: "bad-input",
    message: expect.stringMatching(text),
  });
  expect(trained).toEqual([]);
  expect(existsSync(join(dir, "nowhere"))).toBe(false);
});

it("follows links out of the data directory where that is allowed, also to go on and to score", async () => {
  const linked = join(dir, "linked");
  cpSync(data, linked, { recursive: true });
  const scan = join(linked, "imagesTs/te0.nii.gz");
  rmSync(scan);
  symlinkSync(join(data, "imagesTs/te0.nii.gz"), scan);
  const change = { data: linked, out: join(dir, "links"), methods: ["supervised"], seeds: 1 };
  await expect(again(change)).rejects.toThrow(/te0\.nii\.gz.*allow-links/);
  const stop = new AbortController();
  const allowed = { ...change, allowLinks: true };
  await expect(
    again({ ...allowed, signal: stop.signal, onIteration: () => stop.abort() }),
  ).rejects.toMatchObject({ code: "interrupted" });
  const { comparison, trained } = await again(allowed);
  expect(trained).toEqual(["supervised 2"]);
  expect(comparison.cells[0]!.evaluation!.cases.map(({ id }) => id)).toContain("te0");
}, 60_000);

it("takes a method's first stage from the cell that is just that stage, and ends as if it had not", async () => {
  const change = { out: join(dir, "ladder"), seeds: 1 };
  const whole = await again({ ...change, methods: ["aua-pseudo"], out: join(dir, "alone") });
  expect(whole.trained).toHaveLength(6);
  const { trained, comparison } = await again({ ...change, methods: ["aua-contrast", "aua-pseudo"] });
  expect(trained).toEqual(
    [1, 2, 3].flatMap((n) => `stage1 ${n}`).concat([1, 2, 3].map((n) => `stage2 ${n}`)),
  );
  const bytes = (folder: string) =>
    readFileSync(join(dir, folder, "runs/aua-pseudo/seed-0/model.safetensors"));
  expect(bytes("ladder").equals(bytes("alone"))).toBe(true);
  expect(comparison.cells[1]!.evaluation).toEqual(whole.comparison.cells[0]!.evaluation);
  expect(comparison.cells[1]!.minutes).toBeGreaterThan(comparison.cells[0]!.minutes);
}, 300_000);

it("says so where a first stage was computed otherwise than what goes on from it", async () => {
  const change = { out: join(dir, "threads"), seeds: 1 };
  const first = await again({ ...change, methods: ["aua-contrast"], threads: 1 });
  const { lines } = await again({ ...change, methods: ["aua-pseudo"], threads: 2 });
  const said = (all: readonly string[]) => all.filter((line) => line.includes("not to the same bits"));
  expect(said(first.lines)).toEqual([]);
  const run = join(change.out, "runs/aua-contrast/seed-0");
  expect(said(lines)).toEqual([
    `${run}: this run began with threads 1, now 2: it goes on, but not to the same bits`,
  ]);
}, 300_000);
