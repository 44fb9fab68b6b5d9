import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromArray, ones, zeros } from "../src/engine/make-tensor.js";
import { batchNormRelu } from "../src/engine/ops.js";
import { scope } from "../src/engine/scope.js";
import { callOwn, callOwnMany } from "../src/engine/tensor.js";
import { METHOD_NAMES } from "../src/training/method-catalog.js";
import { readRunLog } from "../src/training/run-log.js";
import { readSafetensors } from "../src/training/safetensors.js";
import { train } from "../src/training/train.js";
import { penumbra } from "./command-line.js";
import { madeUpSet, TINY, tinyArguments } from "./made-up-data.js";
import { isPretended, withoutCuda } from "./pretended-cuda/load.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-device-"));
const data = join(dir, "data");
const at = (name: string) => join(dir, name);

/** Trains AUA, or another method. */
async function trained(run: string, device: string, ...more: string[]): Promise<void> {
  const args = [
    "--data",
    data,
    "--out",
    at(run),
    "--device",
    device,
    ...tinyArguments("log.every=1"),
    ...more,
  ];
  const { code, stderr } = await penumbra("train", ...args);
  expect(code, stderr).toBe(0);
}

const losses = (run: string) => readRunLog(at(run)).map(({ loss }) => loss);

function expectClose(found: readonly number[], expected: readonly number[], within: number): void {
  expect(found.length).toBe(expected.length);
  for (const [i, value] of found.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(within);
}

const missing = withoutCuda();

describe.skipIf(missing !== null)(`on a CUDA device${missing ? `: ${missing}` : ""}`, () => {
  beforeAll(async () => {
    await madeUpSet(data);
    await trained("whole", "cuda");
  }, 120_000);
  afterAll(() => rmSync(dir, { recursive: true }));

  it("an operator refuses tensors of two devices", () => {
    scope(() => {
      const [here, there] = [zeros([2]), zeros([2], { device: "cuda" })];
      expect(() => there.add(here)).toThrow(/same device|one device/);
      expect([...there.add(there).toFloat32Array()]).toEqual([0, 0]);
      const labels = zeros([1, 5], { dtype: "int64", device: "cuda" });
      const [logits, features, weights] = [
        zeros([1, 2, 3, 5]),
        zeros([1, 2, 5]),
        zeros([2], { device: "cuda" }),
      ];
      expect(() => callOwn("label_log_likelihood", logits, labels)).toThrow(/device/);
      expect(() => callOwnMany("class_moments", features, labels, 3)).toThrow(/device|features are on cpu/);
      expect(() => callOwnMany("pair_log_sums", zeros([2, 3]), weights, 1)).toThrow(/on the CPU/);
    });
  });

  it("a batch with a number that is none stays out of the running statistics", () => {
    scope(() => {
      const there = { device: "cuda" };
      const [runningMean, runningVar] = [zeros([2], there), ones([2], there)];
      const parameters = { weight: ones([2], there), bias: zeros([2], there), runningMean, runningVar };
      const x = fromArray(Float32Array.of(1, Number.NaN, 3, 1, 3, 5), [1, 2, 3], "cuda");
      expect(batchNormRelu(x, parameters, true).toFloat32Array()[0]).toBeNaN();
      expect([...runningMean.toFloat32Array()]).toEqual([0, expect.closeTo(0.3)]);
      expect([...runningVar.toFloat32Array()]).toEqual([1, expect.closeTo(0.9 + 0.4)]);
    });
  });

  it("a baseline without dropout begins with the CPU's network and has its losses", async () => {
    const same = ["--method", "supervised", "--set", "model.dropout=0"];
    await trained("there", "cuda", ...same);
    await trained("here", "cpu", ...same);
    expect(losses("there").length).toBe(2);
    expectClose(losses("there"), losses("here"), 1e-3);
  });

  it.each(METHOD_NAMES)("%s trains to its end in bfloat16", async (method) => {
    const short = ["bcp.pretraining=1", "densecl.iterations=2", "densecl.queue=64", "uaMt.passes=2"];
    await trained(
      method,
      "cuda",
      "--method",
      method,
      "--precision",
      "bf16",
      ...short.flatMap((set) => ["--set", set]),
    );
    expect(losses(method).length).toBeGreaterThan(1);
    const { tensors } = readSafetensors(join(at(method), "model.safetensors"));
    for (const [name, { data: values }] of tensors) {
      expect(
        [...values].every((v) => Number.isFinite(Number(v))),
        name,
      ).toBe(true);
    }
  });

  /** A run of the device, stopped after its second iteration. */
  async function stopped(run: string): Promise<string> {
    const stop = new AbortController();
    const training = train({
      data,
      out: at(run),
      device: "cuda",
      set: [...TINY, "log.every=1"],
      signal: stop.signal,
      onIteration: ({ iteration }) => iteration === 2 && stop.abort(),
    });
    await expect(training).rejects.toThrow("stopped after iteration 2 of stage1");
    return at(run);
  }

  it("a stopped run goes on", async () => {
    const { code, stderr } = await penumbra("train", "--resume", await stopped("stopped"));
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("going on in stage1 after 2 iterations");
    expect(losses("stopped").length).toBe(losses("whole").length);
    // a real device adds in any order, and from the third iteration on so small a network makes much of it
    const same = isPretended ? losses("whole").length : 3;
    expectClose(losses("stopped").slice(0, same), losses("whole").slice(0, same), 1e-3);
  });

  it("a stopped run goes on on the CPU where there is no such device", async () => {
    const args = ["bin/penumbra.js", "train", "--resume", await stopped("moved"), "--device", "cpu"];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect(status, stderr).toBe(0);
    expect(stderr).toContain("this run began with device cuda, now cpu");
    expect(losses("moved").length).toBe(losses("whole").length);
  });

  it("evaluates, predicts and ranks as on the CPU", async () => {
    const dice = async (device: string) => {
      const out = at(`scores-${device}`);
      const args = ["--run", at("whole"), "--data", data, "--device", device, "--out", out, "--json"];
      const { code, stdout, stderr } = await penumbra("evaluate", ...args);
      expect(code, stderr).toBe(0);
      return (JSON.parse(stdout) as { cases: { dice: number }[] }).cases.map((row) => row.dice);
    };
    expectClose(await dice("cuda"), await dice("cpu"), 0.01);
    const image = join(data, "imagesTs/te0.nii.gz");
    const maps = ["--uncertainty", "--probabilities", "--samples", "2", "--device", "cuda"];
    const predicted = await penumbra(
      "predict",
      image,
      "--run",
      at("whole"),
      "--out",
      at("predicted"),
      ...maps,
    );
    expect(predicted.code, predicted.stderr).toBe(0);
    expect(existsSync(join(at("predicted"), "te0_uncertainty.nii.gz"))).toBe(true);
    const ranked = await penumbra("rank", "--run", at("whole"), "--data", data, "--device", "cuda");
    expect(ranked.code, ranked.stderr).toBe(0);
    expect(JSON.parse(readFileSync(join(at("whole"), "config.json"), "utf8")).device).toBe("cuda");
  });
});
