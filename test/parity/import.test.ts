import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { noGrad } from "../../src/engine/autograd.js";
import { randn } from "../../src/engine/make-tensor.js";
import type { Tensor } from "../../src/engine/tensor.js";
import { openModel } from "../../src/inference/model.js";
import { SegmentationNetwork } from "../../src/models/segmentation-network.js";
import { moments } from "../../src/models/stochastic-head.js";
import { type HostTensor, readSafetensors, writeSafetensors } from "../../src/training/safetensors.js";
import { exportWeights } from "../../src/weights/export-weights.js";
import { importWeights } from "../../src/weights/import-weights.js";
import { expectClose, ownGolden, relativeError } from "./golden.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-import-"));
afterAll(() => rmSync(dir, { recursive: true }));
let made = 0;
const fresh = (ending = "") => join(dir, `made${made++}${ending}`);

/** The reference's (x, y, z) and our (z, y, x) are each other's reverse. */
const reversed = (x: Tensor): Tensor => x.permute([0, 1, 4, 3, 2]);
const golden = ownGolden("network_none.seed1.safetensors"); // what the checkpoint was made of
const weights = fileURLToPath(new URL("../fixtures/pth/network_none.pth", import.meta.url));

/** What the network of a run makes of the reference's image, turned to our axes and its outputs turned back. */
function outputsOf(run: string) {
  const { network } = openModel(run, { device: "cpu" }).model;
  const z = network.embed(reversed(golden.tensor("image")));
  const region = reversed(golden.tensor("mask").to("float32").unsqueeze(1));
  const { mean, diagonal, factor } = moments(network.distribution(z, region));
  return {
    ...{ "eval.logit_mean": reversed(mean), "eval.cov_diag": reversed(diagonal) },
    ...{ "eval.cov_factor": reversed(factor), "eval.features": reversed(network.features(z)) },
  };
}

describe("published weights, saved by PyTorch and imported,", () => {
  const run = fresh();
  const report = importWeights({ file: weights, out: run, preset: "la" });

  it("match name by name", () => {
    expect(report).toMatchObject({
      ...{
        form: "PyTorch",
        prefix: "module.",
        axes: "xyz",
        matched: 72,
        total: 72,
        missing: [],
        leftOver: [],
      },
      network: { kind: "aua", filters: 2, rank: 3, classes: 2, normalization: "none" },
    });
  });

  it("give the published outputs, axes reversed", () => {
    for (const [name, output] of Object.entries(outputsOf(run))) expectClose(output, golden, name, 1e-4);
  });

  it("would not, with axes as they are", () => {
    const other = fresh();
    importWeights({ file: weights, out: other, axes: "zyx" });
    const output = outputsOf(other)["eval.logit_mean"].toFloat32Array();
    expect(relativeError(output, golden.values("eval.logit_mean"))).toBeGreaterThan(1e-2);
  });

  it("come back from an export to the last bit, in either order of axes", () => {
    for (const axes of ["xyz", "zyx"] as const) {
      const [file, again] = [fresh(".safetensors"), fresh()];
      expect(exportWeights({ run, out: file, axes })).toBe(72);
      expect(importWeights({ file, out: again }).axes).toBe(axes);
      const tensorsOf = (of: string) => readSafetensors(join(of, "model.safetensors")).tensors;
      expect(tensorsOf(again)).toEqual(tensorsOf(run));
    }
  });
});

it("UA-MT's V-Net, whose out_conv gives the classes, becomes the mean logits exactly", () => {
  const [filters, classes] = [6, 3];
  const options = { filters, classes, rank: 1, normalization: "batch", dropout: 0, device: "cpu" } as const;
  const whole = new SegmentationNetwork(options).evaluate();
  const state = whole.stateDict();
  noGrad(() => {
    for (const [name, tensor] of state)
      if (name.includes("running_mean")) tensor.copy_(randn(tensor.shape).mul(0.1));
  });
  const plain = new Map<string, HostTensor>();
  for (const [name, tensor] of state) {
    if (/^(head|mean_l|log_cov|cov_)/.test(name)) continue;
    const values = name.startsWith("out_conv") ? tensor.slice(0, 0, classes) : tensor;
    const counts = tensor.dtype === "int64";
    plain.set(
      name,
      counts
        ? { dtype: "I64", shape: values.shape, data: values.toBigInt64Array() }
        : { dtype: "F32", shape: values.shape, data: values.contiguous().toFloat32Array() },
    );
  }
  const [file, run] = [fresh(".safetensors"), fresh()];
  writeSafetensors(file, plain);
  const report = importWeights({
    file,
    out: run,
    axes: "zyx",
    set: ["data.patchSize=[16,16,32]", "inference.stride=[8,8,8]"],
  });
  expect([report.network.kind, report.matched, report.missing.length]).toEqual(["plain", plain.size, 10]);

  const image = randn([1, 1, 16, 16, 32]);
  const { network, stochastic, config } = openModel(run, { device: "cpu" }).model;
  expect([stochastic, config.method]).toEqual([null, "supervised"]);
  const expected = whole.embed(image).slice(1, 0, classes).contiguous().toFloat32Array();
  expect(relativeError(network.meanLogits(network.embed(image)).toFloat32Array(), expected)).toBeLessThan(
    1e-6,
  );
});
