import {
  cpSync,
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
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeVolume } from "../src/volume/write.js";
import { type Outcome, penumbra } from "./command-line.js";
import { ball, GRID, madeUpSet, putImage, putLabel, tinyArguments } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-bad-"));
const at = (...parts: string[]) => join(dir, ...parts);
const good = at("good");
const run = at("run");

beforeAll(async () => {
  await madeUpSet(good);
  const supervised = ["--method", "supervised", ...tinyArguments()];
  expect((await penumbra("train", "--data", good, "--out", run, ...supervised)).code).toBe(0);
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true }));

/** Exit code 2 and, beside lines of progress, one line that holds every part. */
function expectRefused({ code, stderr }: Outcome, ...parts: string[]): void {
  const complaints = stderr.split("\n").filter((line) => line.startsWith("penumbra: "));
  expect(complaints, stderr).toHaveLength(1);
  for (const part of parts) expect(complaints[0]).toContain(part);
  expect(stderr.endsWith(`${complaints[0]}\n`)).toBe(true);
  expect(code).toBe(2);
}

let runs = 0;
/** Trains on `data` into a new place, expects a refusal, and that nothing was made. */
async function refusesToTrain(data: string, given: readonly string[], ...parts: string[]): Promise<void> {
  const out = at(`refused${runs++}`);
  expectRefused(await penumbra("train", "--data", data, "--out", out, ...given), ...parts);
  expect(existsSync(out)).toBe(false);
}

/** A copy of the good data, to be spoiled. */
function copyOfGood(name: string): string {
  cpSync(good, at(name), { recursive: true });
  return at(name);
}

describe("train refuses, naming file and fix, and makes nothing:", () => {
  it("a data directory that is missing", () =>
    refusesToTrain(at("none"), [], at("none"), "no such folder", "dataset.json"));

  it("a file in its place", () =>
    refusesToTrain(join(good, "dataset.json"), [], join(good, "dataset.json"), "is a file"));

  it("data without any label", async () => {
    const data = await madeUpSet(at("unlabeled"), { labeled: 0, unlabeled: 3 });
    await refusesToTrain(
      data,
      tinyArguments(),
      data,
      "no label for any of its 3 training cases",
      "label at least one",
    );
  });

  it("more labels than there are", () =>
    refusesToTrain(
      good,
      ["--labeled", "3"],
      good,
      "only 2 of the 4 training cases have labels",
      "at most 2",
    ));

  it("data without unlabeled cases", async () => {
    const data = await madeUpSet(at("all-labeled"), { unlabeled: 0 });
    await refusesToTrain(data, tinyArguments(), data, "no unlabeled training image", "--labeled N");
  });

  it("a label of another shape than its image", async () => {
    const data = copyOfGood("odd-shape");
    const grid = { ...GRID, shape: [18, 20, 21] as const };
    await putLabel(data, "labelsTr/tr1.nii.gz", ball(1, grid.shape).label, grid);
    const label = join(data, "labelsTr/tr1.nii.gz");
    await refusesToTrain(data, tinyArguments(), label, "[18, 20, 21]", "[18, 20, 22]", "imagesTr/tr1.nii.gz");
  });

  it("a label that lies elsewhere than its image", async () => {
    const data = copyOfGood("moved");
    const affine = GRID.affine!.map((value, i) => (i === 3 ? value + 5 : value));
    await putLabel(data, "labelsTr/tr0.nii.gz", ball(0).label, { ...GRID, affine });
    await refusesToTrain(data, tinyArguments(), join(data, "labelsTr/tr0.nii.gz"), "5.00 mm", "resample it");
  });

  it("a class that dataset.json does not know", async () => {
    const data = copyOfGood("odd-class");
    await putLabel(data, "labelsTr/tr0.nii.gz", ball(0).label.fill(7, 100, 101));
    const label = join(data, "labelsTr/tr0.nii.gz");
    await refusesToTrain(data, tinyArguments(), label, "class 7 at voxel (12, 4, 0)", "expected 0 to 1");
  });

  it("an image that was cut short", async () => {
    const data = copyOfGood("cut");
    const image = join(data, "imagesTr/tr2.nii.gz");
    const bytes = readFileSync(image);
    writeFileSync(image, bytes.subarray(0, bytes.length / 2));
    await refusesToTrain(data, tinyArguments(), image);
  });

  it("a patch that no memory holds", () =>
    refusesToTrain(
      good,
      tinyArguments("data.patchSize=[4096,4096,4096]"),
      "data.patchSize [4096, 4096, 4096]",
      "a smaller patch fits",
    ));

  it("a config key misspelled", () =>
    refusesToTrain(
      good,
      ["--set", "stage1.itrations=5"],
      '"stage1.itrations"',
      'did you mean "stage1.iterations"?',
    ));

  it("a config value of the wrong kind", () =>
    refusesToTrain(
      good,
      ["--set", "data.patchSize=[16,16]"],
      '"data.patchSize"',
      "each a multiple of 16",
      "[16,16]",
    ));

  it("a config file that is no JSON", async () => {
    writeFileSync(at("config.json"), "{");
    await refusesToTrain(good, ["--config", at("config.json")], at("config.json"), "can't be read as JSON");
  });

  it("a config file with a key misspelled, by the file's name", async () => {
    writeFileSync(at("config.json"), '{"stage1.itrations": 5}');
    const named = `unknown config key "stage1.itrations" (${at("config.json")})`;
    await refusesToTrain(good, ["--config", at("config.json")], named);
  });

  it("a preset for another number of classes", () =>
    refusesToTrain(
      good,
      ["--preset", "hippocampus"],
      good,
      "2 classes",
      "model.classes is 3",
      "model.classes=2",
    ));

  it("a device that is none", () => refusesToTrain(good, ["--device", "gpu"], '"device"', '"cuda"'));

  it("an --out that holds something, which stays as it is", async () => {
    const before = readdirSync(good);
    expectRefused(await penumbra("train", "--data", good, "--out", good), `${good} is not empty`, "--out");
    expectRefused(await penumbra("train", "--data", good, "--out", run), `--resume ${run}`);
    expect(readdirSync(good)).toEqual(before);
  });

  it("an --out that is a file, or lies in one", async () => {
    const file = join(good, "dataset.json");
    expectRefused(await penumbra("train", "--data", good, "--out", file), `${file} is a file`);
    const inside = join(file, "run");
    const given = ["--out", inside, "--method", "supervised", ...tinyArguments()];
    expectRefused(await penumbra("train", "--data", good, ...given), inside, "can't be made");
  });
});

describe("train --resume refuses:", () => {
  it("what is no run", async () => {
    expectRefused(await penumbra("train", "--resume", at("none")), `${at("none")}: no such run directory`);
    expectRefused(await penumbra("train", "--resume", good), `${good} is no run directory`, "run.json");
  });

  it("a run whose data has other cases now", async () => {
    const data = copyOfGood("changing");
    const out = at("changing-run");
    const supervised = ["--method", "supervised", ...tinyArguments()];
    expect((await penumbra("train", "--data", data, "--out", out, ...supervised)).code).toBe(0);
    const json = JSON.parse(readFileSync(join(data, "dataset.json"), "utf8"));
    json.training.reverse();
    writeFileSync(join(data, "dataset.json"), JSON.stringify(json));
    expectRefused(
      await penumbra("train", "--resume", out),
      `${data}: its labeled cases are not those`,
      "restore",
    );
  });
});

describe("evaluate refuses, and writes nothing:", () => {
  const refused = async (given: { run?: string; data?: string; more?: string[] }, ...parts: string[]) => {
    const out = at(`evaluation${runs++}`);
    const args = [
      "--run",
      given.run ?? run,
      "--data",
      given.data ?? good,
      "--out",
      out,
      ...(given.more ?? []),
    ];
    expectRefused(await penumbra("evaluate", ...args), ...parts);
    expect(existsSync(out)).toBe(false);
  };

  it('an --out that is "", as of a variable that is not set', async () => {
    expectRefused(await penumbra("evaluate", "--run", run, "--data", good, "--out", ""), "--out is empty");
    expectRefused(
      await penumbra("compare", "--data", good, "--methods", "ssn", "--out", ""),
      "--out is empty",
    );
  });

  it("a run of another version", async () => {
    const other = at("other-version");
    cpSync(run, other, { recursive: true });
    const record = JSON.parse(readFileSync(join(other, "run.json"), "utf8"));
    writeFileSync(join(other, "run.json"), JSON.stringify({ ...record, format: 99, penumbra: "9.9.9" }));
    await refused({ run: other }, other, "penumbra 9.9.9", "run format 99", "train again");
  });

  it("a run that is not finished", async () => {
    const unfinished = at("unfinished");
    cpSync(run, unfinished, { recursive: true });
    rmSync(join(unfinished, "model.safetensors"));
    await refused(
      { run: unfinished },
      "model.safetensors is missing",
      `penumbra train --resume ${unfinished}`,
    );
  });

  it("a model that was cut short", async () => {
    const damaged = at("damaged");
    cpSync(run, damaged, { recursive: true });
    const model = join(damaged, "model.safetensors");
    writeFileSync(model, readFileSync(model).subarray(0, 3000));
    await refused({ run: damaged }, model);
  });

  it("a configuration that is not that of the weights, or lacks keys", async () => {
    const changed = at("changed");
    cpSync(run, changed, { recursive: true });
    const file = join(changed, "config.json");
    const config = JSON.parse(readFileSync(file, "utf8"));
    writeFileSync(file, JSON.stringify({ ...config, model: { ...config.model, filters: 4 } }));
    const model = join(changed, "model.safetensors");
    await refused({ run: changed }, model, `does not fit ${file}`, "is [2,1,3,3,3] but", "restore");
    const resumed = await penumbra("train", "--resume", changed);
    expectRefused(resumed, join(changed, "checkpoints"), `does not fit ${file}`);
    const { model: _, seed: __, ...rest } = config;
    writeFileSync(file, JSON.stringify(rest));
    await refused({ run: changed }, `${file} lacks the config keys "seed", "model"`, "restore the file");
  });

  it("a label that is wrong, and keeps the evaluation that is there", async () => {
    const evaluated = at("evaluated");
    cpSync(run, evaluated, { recursive: true });
    expect((await penumbra("evaluate", "--run", evaluated, "--data", good, "--no-uncertainty")).code).toBe(0);
    const own = join(evaluated, "evaluation-test");
    const before = readFileSync(join(own, "scores.json"), "utf8");
    const data = copyOfGood("odd-test-label");
    const label = join(data, "labelsTs/te1.nii.gz");
    await putLabel(data, "labelsTs/te1.nii.gz", ball(11).label.fill(7, 100, 101));
    const args = ["evaluate", "--run", evaluated, "--data", data];
    expectRefused(await penumbra(...args), label, "class 7 at voxel (12, 4, 0)");
    expect(readdirSync(own).sort()).toEqual(["labels", "report.html", "scores.csv", "scores.json"]);
    expect(readFileSync(join(own, "scores.json"), "utf8")).toBe(before);
  });

  it("data with another number of classes", async () => {
    const labels = { 0: "background", 1: "left ball", 2: "right ball" };
    const data = await madeUpSet(at("three-classes"), { labels });
    await refused({ data }, data, "3 classes", "trained on 2", "same classes");
  });

  it("test cases without labels", async () => {
    const data = await madeUpSet(at("no-test-labels"), { testLabels: false });
    await refused({ data }, data, "no label for any of its 2 test cases", "--split labeled");
  });

  it("a device that is none", () => refused({ more: ["--device", "gpu"] }, "--device gpu", "cuda"));
});

describe("predict refuses before it computes anything:", () => {
  const refused = async (images: string[], ...parts: string[]) => {
    const out = at(`prediction${runs++}`);
    expectRefused(await penumbra("predict", ...images, "--run", run, "--out", out), ...parts);
    expect(existsSync(out)).toBe(false);
  };
  const image = join(good, "imagesTs/te0.nii.gz");

  it("an image that is missing, behind one that is not", () =>
    refused([image, at("none.nii.gz")], at("none.nii.gz")));

  it("a file that is no scan", async () => {
    await refused([join(good, "dataset.json")], "dataset.json: of no format that is read", "NIfTI");
    writeFileSync(at("text.nii.gz"), "no scan");
    await refused([at("text.nii.gz")], at("text.nii.gz"));
    writeFileSync(at("text.h5"), "no scan");
    await refused([at("text.h5")], at("text.h5"), "not an HDF5 file");
  });

  it("two images of one name", async () => {
    mkdirSync(at("elsewhere"));
    await putImage(at("elsewhere"), "te0.nii", 3);
    const other = at("elsewhere", "te0.nii");
    await refused([image, other], image, other, "two directories");
  });

  it("one scan of several, and segments the others", async () => {
    const { image: data } = ball(3);
    await writeVolume(at("nan.nii.gz"), { grid: GRID, data: data.fill(Number.NaN, 5, 6) });
    const out = at("all-but-one");
    const outcome = await penumbra("predict", at("nan.nii.gz"), image, "--run", run, "--out", out);
    const reason = `${at("nan.nii.gz")}: 1 of 7920 voxels are not finite`;
    expectRefused(outcome, "1 of 2 scans could not be segmented (nan)", reason, `the others are in ${out}`);
    expect(outcome.stderr).toContain(`left out: ${reason}`);
    expect(outcome.stdout).toBe(`${join(out, "te0.nii.gz")}\n`);
    expect(readdirSync(out)).toEqual(["te0.nii.gz"]);
  });

  it("a run that is none", async () => {
    const out = at("nowhere");
    expectRefused(
      await penumbra("predict", image, "--run", good, "--out", out),
      `${good} is no run directory`,
    );
    expect(existsSync(out)).toBe(false);
  });

  it("an --out that is a file", async () => {
    const file = join(good, "dataset.json");
    expectRefused(await penumbra("predict", image, "--run", run, "--out", file), file, "can't be made");
  });
});
