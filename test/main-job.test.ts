import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import h5 from "h5wasm/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { predict } from "../src/inference/predict.js";
import { lockRun } from "../src/training/run-directory.js";
import { train } from "../src/training/train.js";
import { toAxisOrder } from "../src/volume/orientation.js";
import { readGrid, readLabelMap, readVolume } from "../src/volume/read.js";
import { type Outcome, penumbra } from "./command-line.js";
import { GRID, madeUpSet, TINY, tinyArguments } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-job-"));
const data = join(dir, "data");
const runDir = join(dir, "a run");
const image = join(data, "imagesTs/te0.nii.gz");
/** Of voxels three times as high as those of the set. */
const COARSE = GRID.affine!.map((value, i) => (i === 10 ? 3 * value : value));
let trained: Outcome;

beforeAll(async () => {
  await madeUpSet(data);
  trained = await penumbra("train", "--data", data, "--out", runDir, ...tinyArguments());
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

describe("train, evaluate, predict", () => {
  it("trains to the end and says what comes next", () => {
    expect(trained.stderr).toContain(`next: penumbra evaluate --run '${runDir}' --data ${data}`);
    expect(trained.code).toBe(0);
    expect(trained.stdout).toBe("");
    expect(existsSync(join(runDir, "model.safetensors"))).toBe(true);
  });

  it("evaluates: only JSON on standard output, the same as in scores.json, and a whole report", async () => {
    const { code, stdout } = await penumbra("evaluate", "--run", runDir, "--data", data, "--json");
    expect(code).toBe(0);
    const scores = JSON.parse(stdout);
    const out = join(runDir, "evaluation-test");
    expect(JSON.parse(readFileSync(join(out, "scores.json"), "utf8"))).toEqual(scores);
    expect(scores.cases.map((row: { id: string; class: string }) => `${row.id} ${row.class}`)).toEqual([
      "te0 left ball",
      "te1 left ball",
    ]);
    expect(scores.unit).toBe("mm");
    expect(readFileSync(join(out, "scores.csv"), "utf8")).toMatch(
      /^case,class,dice,jaccard,hd95_mm,asd_mm\nte0,/,
    );
    const report = readFileSync(join(out, "report.html"), "utf8");
    for (const text of ["stage1: loss terms", "stage2: loss terms", "learning rate over all stages"]) {
      expect(report).toContain(text);
    }
    expect(report).toContain("stage1 3, prototypes 2, stage2 3");
    expect(report).toContain("Uncertainty from 0 to");
    const brightest = (await readVolume(image)).data.reduce((most, value) => Math.max(most, value));
    const [, white] = /Black to white: \S+ to ([\d,.]+)\.<\/p>/.exec(report)!;
    expect(Number(white!.replaceAll(",", "")), "of the file, not as prepared").toBeGreaterThan(brightest / 2);
    expect(report).toContain('<span class="why">worst</span>');
  });

  it("replaces its own evaluation but no directory it is given", async () => {
    const args = ["evaluate", "--run", runDir, "--data", data, "--no-uncertainty"];
    expect((await penumbra(...args)).code).toBe(0);
    expect(readFileSync(join(runDir, "evaluation-test/report.html"), "utf8")).not.toContain("Uncertainty");
    const refused = await penumbra(...args, "--out", data);
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining(`${data} is not empty`) });
  });

  it("scores the cases it was trained with when asked to, and says so", async () => {
    const out = join(dir, "on-training");
    const labeled = ["--split", "labeled", "--no-uncertainty", "--out", out];
    const corrected = "labelsCorrected/tr0_v1.nii.gz";
    cpSync(join(data, "labelsTr/tr0.nii.gz"), join(data, corrected));
    const { code, stdout } = await penumbra("evaluate", "--run", runDir, "--data", data, ...labeled);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^case +class +Dice %/);
    expect(readdirSync(join(out, "labels")).sort()).toEqual(["tr0.nii.gz", "tr1.nii.gz"]);
    expect(readFileSync(join(out, "report.html"), "utf8")).toContain("These cases were trained on");
    expect(JSON.parse(readFileSync(join(out, "scores.json"), "utf8")).corrected).toEqual([corrected]);
    rmSync(join(data, "labelsCorrected"), { recursive: true });
  });

  it("scores the cases whose labels it never saw, once the data has them", async () => {
    const labeledSince = await madeUpSet(join(dir, "labeled-since"), { labeled: 3, unlabeled: 1 });
    const args = ["evaluate", "--run", runDir, "--split", "unlabeled", "--no-uncertainty", "--json"];
    const none = await penumbra(...args, "--data", data);
    expect(none).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no label for any of the run's 2 unlabeled cases"),
    });
    const { code, stdout, stderr } = await penumbra(...args, "--data", labeledSince);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ split: "unlabeled", leftOut: 1, cases: [{ id: "tr2" }] });
    expect(stderr).toContain("1 unlabeled cases without a label are left out");
    const report = readFileSync(join(runDir, "evaluation-unlabeled/report.html"), "utf8");
    expect(report).toContain("1 unlabeled cases without a label are left out");
    expect(report).toContain("Training used no label of these cases");
  });

  it("says where voxels are of another size than those trained on, and does not resample", async () => {
    const other = await madeUpSet(
      join(dir, "coarser"),
      {},
      { ...GRID, spacingMm: [6, 1, 1.5], affine: COARSE },
    );
    const said =
      /check: voxel sizes of te0.* differ up to 3\.0-fold from those trained on \(2 x 1 x 1\.5 mm\)/;
    const evaluated = join(dir, "coarser-scored");
    const args = ["--run", runDir, "--no-uncertainty", "--data", other, "--out", evaluated];
    expect((await penumbra("evaluate", ...args)).stderr).toMatch(said);
    expect(readFileSync(join(evaluated, "report.html"), "utf8")).toMatch(said);
    const scan = join(other, "imagesTs/te0.nii.gz");
    const predicted = await penumbra(
      "predict",
      scan,
      "--run",
      runDir,
      "--out",
      join(dir, "coarser-predicted"),
    );
    expect(predicted).toMatchObject({ code: 0, stderr: expect.stringMatching(said) });
    const same = await penumbra("predict", image, "--run", runDir, "--out", join(dir, "same-size"));
    expect(same.stderr).not.toContain("check: voxel sizes");
  });

  it("predicts on the scan's own grid what evaluation scored", async () => {
    const out = join(dir, "predicted");
    const args = ["--run", runDir, "--out", out, "--probabilities", "--uncertainty"];
    const { code, stdout } = await penumbra("predict", image, ...args);
    expect(code).toBe(0);
    const names = ["te0.nii.gz", "te0_probability_left-ball.nii.gz", "te0_uncertainty.nii.gz"];
    expect(stdout.trim().split("\n")).toEqual(names.map((name) => join(out, name)));
    const paths = names.map((name) => join(out, name));
    const grid = await readGrid(image);
    for (const path of paths) expect(await readGrid(path)).toEqual(grid);

    const labels = (await readLabelMap(paths[0]!)).data;
    expect(labels).toEqual((await readLabelMap(join(runDir, "evaluation-test/labels/te0.nii.gz"))).data);
    const probability = (await readVolume(paths[1]!)).data;
    expect(Math.min(...probability)).toBeGreaterThanOrEqual(0);
    expect(labels).toEqual(Uint8Array.from(probability, (p) => (p > 0.5 ? 1 : 0)));
    const entropy = (await readVolume(paths[2]!)).data;
    expect(Math.max(...entropy)).toBeLessThan(Math.LN2 + 1e-5);
    expect(Math.min(...entropy)).toBeGreaterThan(0);
  });

  it("never overwrites a prediction, and computes nothing before it says so", async () => {
    const out = join(dir, "predicted");
    const before = readdirSync(out);
    const { code, stderr } = await penumbra(
      "predict",
      join(data, "imagesTs/te1.nii.gz"),
      image,
      "--run",
      runDir,
      "--out",
      out,
    );
    expect(code).toBe(2);
    expect(stderr).toMatch(/^penumbra: [^\n]*te0\.nii\.gz is already there[^\n]*\n$/);
    expect(readdirSync(out)).toEqual(before);
  });
});

describe("a signal", () => {
  /** Sends one to this process as soon as it listens to it. */
  const signalled = async (...args: string[]): Promise<Outcome> => {
    const send = (name: string | symbol) => {
      if (name === "SIGTERM") process.nextTick(() => process.emit("SIGTERM"));
    };
    process.on("newListener", send);
    return penumbra(...args).finally(() => process.removeListener("newListener", send));
  };

  it("stops an evaluation, and the one that was there stays", async () => {
    const before = readFileSync(join(runDir, "evaluation-test/scores.json"), "utf8");
    const args = ["evaluate", "--run", runDir, "--data", data, "--no-uncertainty"];
    const { code, stdout, stderr } = await signalled(...args);
    expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
    expect(stderr).toMatch(/^stopping after this case; once more to stop at once\n/);
    expect(stderr).toMatch(/\npenumbra: stopped before the first case was scored\n$/);
    expect(readdirSync(join(runDir, "evaluation-test")).filter((name) => name.startsWith("."))).toEqual([]);
    expect(readFileSync(join(runDir, "evaluation-test/scores.json"), "utf8")).toBe(before);
  });

  it("stops a prediction between two scans, and says what was written", async () => {
    const out = join(dir, "predicted-until");
    const args = [image, "--run", runDir, "--out", out];
    const { code, stderr } = await signalled("predict", ...args);
    expect(code).toBe(130);
    expect(stderr).toContain("penumbra: stopped before te0 (1 of 1 scans)");
    const stop = new AbortController();
    const written: string[] = [];
    const onWritten = (path: string) => {
      written.push(path);
      stop.abort();
    };
    const images = [join(data, "imagesTs/te1.nii.gz"), image];
    await expect(predict({ run: runDir, images, out, signal: stop.signal, onWritten })).rejects.toMatchObject(
      { code: "interrupted", message: expect.stringMatching(/before te0 \(2 of 2/) },
    );
    expect(written).toEqual([join(out, "te1.nii.gz")]);
    expect(readdirSync(out)).toEqual(["te1.nii.gz"]);
  });
});

it("predicts the literature's h5, whose axes lie the other way round and say no orientation, like the NIfTI image in RAS order", async () => {
  const folder = join(dir, "te0-again");
  mkdirSync(folder);
  const { data: stored, grid } = toAxisOrder(await readVolume(image), "RAS");
  const [d, h, w] = grid.shape;
  const xyz = stored.map(
    (_, i) => stored[((i % d) * h + (Math.floor(i / d) % h)) * w + Math.floor(i / (d * h))]!,
  );
  await h5.ready;
  const file = new h5.File(join(folder, "mri_norm2.h5"), "w");
  file.create_dataset({ name: "image", data: xyz, shape: [w, h, d] });
  file.close();
  const out = join(dir, "predicted-h5");
  expect(
    await penumbra("predict", join(folder, "mri_norm2.h5"), "--run", runDir, "--out", out),
  ).toMatchObject({
    code: 0,
    stdout: `${join(out, "te0-again.nii.gz")}\n`,
  });
  const labels = await readLabelMap(join(out, "te0-again.nii.gz"));
  const evaluated = await readLabelMap(join(runDir, "evaluation-test/labels/te0.nii.gz"));
  expect(labels.data).toEqual(toAxisOrder(evaluated, "RAS").data);
});

it("is not trained by two processes at a time", async () => {
  const lock = lockRun(runDir);
  const { code, stderr } = await penumbra("train", "--resume", runDir);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^penumbra: [^\n]*run\.lock: in use by process \d+ on [^\n]*\n$/);
  lock.release();
});

describe("a run that was stopped", () => {
  it("is refused by evaluate, and resumed it is the same run", async () => {
    const stopped = join(dir, "stopped");
    const controller = new AbortController();
    const onIteration = ({ total }: { total: number }) => total === 4 && controller.abort();
    const stopping = train({
      data,
      out: stopped,
      set: TINY,
      cache: join(dir, "cache"),
      signal: controller.signal,
      onIteration,
    });
    await expect(stopping).rejects.toMatchObject({ code: "interrupted" });

    const early = await penumbra("evaluate", "--run", stopped, "--data", data);
    expect(early.code).toBe(2);
    expect(early.stderr).toContain(`go on with: penumbra train --resume ${stopped}`);
    expect(existsSync(join(stopped, "evaluation-test"))).toBe(false);

    expect((await penumbra("train", "--resume", stopped)).code).toBe(0);
    const bytes = (run: string) => readFileSync(join(run, "model.safetensors"));
    expect(bytes(stopped).equals(bytes(runDir))).toBe(true);
    const totals = readFileSync(join(stopped, "log.jsonl"), "utf8").trim().split("\n");
    expect(totals.map((line) => JSON.parse(line).total)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  }, 120_000);
});

it("trains the supervised baseline, whose uncertainty is its probabilities' entropy", async () => {
  const run = join(dir, "supervised");
  mkdirSync(run); // an empty directory is as good as none
  const given = ["--method", "supervised", "--labeled", "1", ...tinyArguments()];
  expect(await penumbra("train", "--data", data, "--out", run, ...given)).toMatchObject({ code: 0 });
  expect(await penumbra("evaluate", "--run", run, "--data", data)).toMatchObject({ code: 0 });
  expect(readFileSync(join(run, "evaluation-test/report.html"), "utf8")).toContain(
    "learns no distribution of logits",
  );
}, 120_000);
