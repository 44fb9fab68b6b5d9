import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { complaint } from "../errors.testing.js";
import { askedFor, configDoubt, describeConfigKeys, parseConfig, resolveConfig } from "./config.js";
import { readConfigFile } from "./config-file.js";
import { CONFIG_KEYS } from "./config-schema.js";
import { editDistance, nearestName } from "./nearest-name.js";
import { BASE_CONFIG, PRESETS } from "./presets.js";
import { scaledSchedule } from "./schedule.js";

describe("layers", () => {
  it("starts from the base", () => {
    const config = resolveConfig();
    expect(config.stage1.consistency).toEqual(BASE_CONFIG.stage1.consistency);
    expect(config.data.patchSize).toEqual([80, 112, 112]);
  });

  it("lets file override preset, and --set override both", () => {
    const preset = "la-half";
    const file = { stage1: { iterations: 50, contrast: { weight: 0.5 } } };
    expect(resolveConfig({ preset }).stage1.iterations).toBe(PRESETS[preset].config.stage1?.iterations);
    const config = resolveConfig({ preset, file, set: ["stage1.iterations=7", "data.patchSize=[16,32,32]"] });
    expect(config.stage1.iterations).toBe(7);
    expect(config.stage1.contrast).toMatchObject({ weight: 0.5, temperature: 0.07 });
    expect(config.stage1.consistency.rampUp).toBe(PRESETS[preset].config.stage1?.consistency?.rampUp);
    expect(config.data.patchSize).toEqual([16, 32, 32]);
  });

  it("takes a file's keys in sections or with dotted names", () => {
    const path = join(mkdtempSync(join(tmpdir(), "penumbra-config-")), "config.json");
    writeFileSync(path, '{"stage1.iterations": 50, "stage1": {"contrast.weight": 0.5}, "model.filters": 4}');
    const file = readConfigFile(path);
    const { stage1, model } = resolveConfig({ file });
    expect(askedFor({ file }, "stage1.iterations")).toBe(50);
    expect([stage1.iterations, stage1.contrast.weight, model.filters]).toEqual([50, 0.5, 4]);
    writeFileSync(path, '{"model.filter": 4}');
    expect(complaint(() => resolveConfig({ file: readConfigFile(path) }))).toMatch(
      /unknown config key "model\.filter" .* did you mean "model\.filters"/,
    );
    for (const twice of [
      '{"stage1.iterations": 1, "stage1": {"iterations": 2}}',
      '{"model": 5, "model.filters": 4}',
    ]) {
      writeFileSync(path, twice);
      expect(complaint(() => resolveConfig({ file: readConfigFile(path) }))).toMatch(
        /config key "(stage1\.iterations|model)" is given twice/,
      );
    }
    writeFileSync(path, '{"__proto__": {"filters": 4}}');
    expect(complaint(() => resolveConfig({ file: readConfigFile(path) }))).toContain("unknown config key");
    rmSync(dirname(path), { recursive: true });
  });

  it("takes --set values that are no JSON as text, and null as null", () => {
    expect(resolveConfig({ set: ["device=cuda:1"] }).device).toBe("cuda:1");
    expect(resolveConfig({ preset: "pancreas", set: ["data.windowHu=null"] }).data.windowHu).toBeNull();
  });

  it("takes the number of classes from the data unless a preset knows it", () => {
    expect(resolveConfig({ classes: 4 }).model.classes).toBe(4);
    expect(resolveConfig({ classes: 4, preset: "la-half" }).model.classes).toBe(2);
    expect(resolveConfig({ classes: 4, preset: "hippocampus" }).model.classes).toBe(3);
    expect(resolveConfig({ classes: 4, set: ["model.classes=5"] }).model.classes).toBe(5);
  });

  it("lets named options win and ignores those not given", () => {
    const config = resolveConfig({ set: ["seed=1", "method=aua"], method: "supervised", seed: undefined });
    expect([config.method, config.seed]).toEqual(["supervised", 1]);
  });
});

describe("refusals", () => {
  it.each([
    ["stage1.iteration=3", "stage1.iterations"],
    ["samples=4", "stage1.samples"],
    ["optimiser.momentum=0", "optimizer.momentum"],
  ])("names the known key nearest to %s", (assignment, known) => {
    const key = assignment.split("=")[0];
    const said = complaint(() => resolveConfig({ set: [assignment] }));
    expect(said).toBe(`unknown config key "${key}" (--set); did you mean "${known}"?`);
  });

  it.each([
    [
      "stage1.samples=5",
      'config key "stage1.samples" (--set): expected an even whole number, at least 2, got 5',
    ],
    ["data.patchSize=[80,112,100]", "expected [D, H, W], each a multiple of 16, got [80,112,100]"],
    ["data.windowHu=[275,-125]", "expected [low, high] with low < high, or null, got [275,-125]"],
    ["model.dropout=1", "expected a number from 0 to below 1, got 1"],
    ["device=gpu", 'expected "cpu", "cuda", "cuda:N" or "mps", got "gpu"'],
    ["data.spacingMm=[1e400,1,1]", 'or null, got ["Infinity",1,1]'],
    ["schedule.scale=1e300", 'config key "schedule.scale": 1e+300 makes '],
    ["threads=5000", "expected a whole number from 0 to 1024, got 5000"],
    ["data.workers=10000", "expected a whole number from 0 to 256, got 10000"],
    ["data.prefetch=1000000000", "expected a whole number from 1 to 1024, got 1000000000"],
    ["stage1=5", 'config key "stage1": expected an object with keys, got 5'],
    ["seed=9007199254741", "expected a whole number from 0 to 9007199254740, got 9007199254741"],
    ["seed", "--set seed: expected key=value, as in stage1.iterations=100"],
    ["inference.stride=[200,16,16]", "windows would leave gaps"],
    ["data.unlabeledPerBatch=0", 'expected at least 1 with method "aua", got 0'],
  ])("says what is wrong with %s", (assignment, text) => {
    const said = complaint(() => resolveConfig({ set: [assignment] }));
    expect(said).toContain(text);
    expect(said).not.toContain("\n");
  });

  it("leaves copy-paste with unlabeled patches something to do", () => {
    const set = ["method=bcp", "bcp.pretraining=9", "supervised.iterations=9"];
    expect(complaint(() => resolveConfig({ set }))).toBe(
      'config key "bcp.pretraining": expected less than supervised.iterations (9), got 9',
    );
    expect(() => resolveConfig({ set: set.slice(1) })).not.toThrow();
    const short = ["method=bcp", "bcp.pretraining=100", "supervised.iterations=500", "schedule.scale=0.001"];
    expect(complaint(() => resolveConfig({ set: short }))).toBe(
      'config key "bcp.pretraining": expected less than supervised.iterations (1), got 1 at schedule.scale 0.001',
    );
    const before = { ...resolveConfig({ set: short.slice(0, 3) }), schedule: { scale: 0.001 } };
    expect(parseConfig(before)).toEqual(before); // what was trained can still be looked at
  });

  it("names the file, and every wrong key once", () => {
    expect(complaint(() => resolveConfig({ file: { seed: -1, data: { patchSize: [1, 2, 3] } } }))).toBe(
      'config key "seed" (config file): expected a whole number from 0 to 9007199254740, got -1; ' +
        'config key "data.patchSize" (config file): expected [D, H, W], each a multiple of 16, got [1,2,3]',
    );
    expect(complaint(() => resolveConfig({ file: [] }))).toBe(
      "config file: expected an object with keys, got []",
    );
  });

  it("has no way to the prototype", () => {
    expect(complaint(() => resolveConfig({ set: ["constructor.prototype=1"] }))).toContain(
      "unknown config key",
    );
    expect(complaint(() => resolveConfig({ file: JSON.parse('{"__proto__": {"x": 1}}') }))).toContain(
      "unknown",
    );
  });

  it("names the nearest preset", () => {
    expect(complaint(() => resolveConfig({ preset: "pancras" }))).toContain('did you mean "pancreas"?');
  });
});

describe("stored configurations", () => {
  it("come back as they were written", () => {
    const config = resolveConfig({ preset: "colon" });
    expect(parseConfig(JSON.parse(JSON.stringify(config)))).toEqual(config);
  });

  it("of runs older than a key say what those runs did", () => {
    const config = resolveConfig({ preset: "la-half" });
    const { meanTeacher: _, uaMt: __, ssn: ___, schedule: ____, ...rest } = config;
    const { decayEvery: _____, ...supervised } = config.supervised;
    const read = parseConfig({ ...rest, supervised });
    expect(read.schedule).toEqual({ scale: 1 });
    expect(read.supervised).toEqual({ iterations: 2200, decayEvery: 800 }); // optimizer.decayEvery, as they had it
  });

  it("must be complete", () => {
    const { seed: _, ...rest } = resolveConfig();
    expect(complaint(() => parseConfig(rest))).toBe(
      'stored config lacks the config key "seed"; restore the file, or train again',
    );
    expect(complaint(() => parseConfig({}, "runs/a/config.json"))).toMatch(
      /^runs\/a\/config\.json lacks the config keys ("\w+", ){2}"\w+" and \d+ more; restore/,
    );
    expect(complaint(() => parseConfig({ ...rest, sed: 1 }, "runs/a/config.json"))).toBe(
      'unknown config key "sed" (runs/a/config.json); did you mean "seed"?',
    );
  });
});

it("doubts instance normalization where the deepest features are one voxel", () => {
  const doubtOf = (...set: string[]) => configDoubt(resolveConfig({ preset: "phantom", set }));
  expect(doubtOf("data.patchSize=[16,16,16]", "inference.stride=[8,8,8]")).toMatch(/\[16,16,16\].*instance/);
  expect(doubtOf("data.patchSize=[32,16,16]", "inference.stride=[8,8,8]")).toBeNull();
  const batch = "model.normalization=batch";
  expect(doubtOf("data.patchSize=[16,16,16]", "inference.stride=[8,8,8]", batch)).toBeNull();
});

it("la-half-short is la-half but for its length, dropout and learning rate", () => {
  const set = ["schedule.scale=0.5", "model.dropout=0.2", "optimizer.learningRate=0.03"];
  expect(resolveConfig({ preset: "la-half-short" })).toEqual(resolveConfig({ preset: "la-half", set }));
  expect(scaledSchedule(resolveConfig({ preset: "la-half-short" })).optimizer.decayEvery).toBe(400);
});

it("la-half-even gives each of AUA's networks the baseline's steps and learning-rate steps", () => {
  const { stage1, stage2, supervised, optimizer } = resolveConfig({ preset: "la-half-even" });
  const { iterations, decayEvery } = supervised;
  expect([stage1.iterations, stage1.consistency.rampUp, stage2.iterations]).toEqual(
    Array(3).fill(iterations),
  );
  expect(optimizer.decayEvery).toBe(decayEvery);
  expect(stage1.contrast).toEqual(resolveConfig({ preset: "la-half-short" }).stage1.contrast);
});

it.each(Object.keys(PRESETS))("preset %s is a valid configuration", (preset) => {
  expect(() => resolveConfig({ preset })).not.toThrow();
});

it("describes every key with its default", () => {
  const lines = describeConfigKeys().split("\n");
  expect(lines).toHaveLength(CONFIG_KEYS.length);
  expect(lines.find((line) => line.startsWith("stage1.samples "))).toMatch(
    /an even whole number, at least 2 \[6\]$/,
  );
});

describe("nearestName", () => {
  it("counts edits", () => {
    expect(editDistance("kitten", "sitting")).toBe(3);
    expect(editDistance("", "abc")).toBe(3);
  });

  it("prefers the same last part over a similar whole", () => {
    expect(nearestName("weight", ["seed", "height", "a.b.weight"])).toBe("height");
    expect(nearestName("rampUp", ["seed", "stage1.consistency.rampUp"])).toBe("stage1.consistency.rampUp");
  });
});
