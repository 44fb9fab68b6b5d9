import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type HostTensor, readSafetensors, writeSafetensors } from "../src/training/safetensors.js";
import { readTensorFile } from "../src/weights/tensor-file.js";
import { type Outcome, penumbra } from "./command-line.js";
import { madeUpSet } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-import-command-"));
const at = (...parts: string[]) => join(dir, ...parts);
const fixture = (name: string) => fileURLToPath(new URL(`fixtures/pth/${name}`, import.meta.url));
const weights = fixture("network_none.pth");
const SMALL = [
  "--set",
  "data.patchSize=[16,16,16]",
  "--set",
  "inference.stride=[8,8,8]",
  "--set",
  "threads=1",
];

let data = "";
beforeAll(async () => {
  data = await madeUpSet(at("data"));
});
afterAll(() => rmSync(dir, { recursive: true }));

let made = 0;
/** The fixture's network with some of its tensors changed, as a file. */
function changed(change: (tensors: Map<string, HostTensor>) => void): string {
  const tensors = new Map(readTensorFile(weights).tensors);
  change(tensors);
  const path = at(`changed${made++}.safetensors`);
  writeSafetensors(path, tensors);
  return path;
}

function expectRefused({ code, stderr }: Outcome, ...parts: string[]): void {
  expect(stderr).toMatch(/^penumbra: [^\n]*\n$/);
  for (const part of parts) expect(stderr).toContain(part);
  expect(code).toBe(2);
}

describe("an imported run", () => {
  const run = at("run");

  it("says what matched, and is evaluated and predicts like any other", async () => {
    const classes = ["--classes", "background, left ball"];
    const { code, stdout } = await penumbra("import", weights, "--out", run, ...classes, ...SMALL);
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^network +V-Net, 2 filters, none normalization, 2 classes, AUA's heads, rank 3$/m,
    );
    expect(stdout).toMatch(/^matched +72 of 72 tensors$/m);
    expect((await penumbra("evaluate", "--run", run, "--data", data)).code).toBe(0);
    const report = readFileSync(join(run, "evaluation-test/report.html"), "utf8");
    expect(report).toMatch(/network_none\.pth \(PyTorch, SHA-256 [0-9a-f]{64}\)/);
    const image = join(data, "imagesTs/te0.nii.gz");
    expect((await penumbra("predict", image, "--run", run, "--out", at("out"), "--uncertainty")).code).toBe(
      0,
    );
    expect(readdirSync(at("out")).sort()).toEqual(["te0.nii.gz", "te0_uncertainty.nii.gz"]);
  }, 120_000);

  it("can't be resumed or made twice, and its export is never written over", async () => {
    expectRefused(await penumbra("train", "--resume", run), "network_none.pth", "no training to resume");
    expectRefused(await penumbra("rank", "--run", run), `${run} was imported`, "--data");
    expectRefused(await penumbra("import", weights, "--out", run), `${run} is not empty`);
    const file = at("exported.safetensors");
    expect((await penumbra("export", "--run", run, "--out", file)).code).toBe(0);
    expect(readSafetensors(file).metadata).toMatchObject({ spatial_axes: "zyx", "model.filters": "2" });
    expectRefused(await penumbra("export", "--run", run, "--out", file), `${file} is already there`);
    expectRefused(await penumbra("export", "--run", data, "--out", at("x.safetensors")), "no run directory");
    const model = join(run, "model.safetensors"); // a run's own file is known to have our axes
    const { stdout } = await penumbra("import", model, "--out", at("again"), ...SMALL);
    expect(stdout).toContain("axes       (z, y, x)");
    expect(readFileSync(at("again", "model.safetensors"))).toEqual(readFileSync(model));
  });

  it("is exported only where its weights fit its configuration", async () => {
    const [file, path] = [at("misfit.safetensors"), join(run, "config.json")];
    const text = readFileSync(path, "utf8");
    const config = JSON.parse(text);
    writeFileSync(path, JSON.stringify({ ...config, model: { ...config.model, filters: 4 } }));
    const outcome = await penumbra("export", "--run", run, "--out", file);
    expectRefused(outcome, join(run, "model.safetensors"), `does not fit ${path}`, "restore");
    expect(existsSync(file)).toBe(false);
    writeFileSync(path, text);
  });
});

describe("import refuses in one line, and makes nothing:", () => {
  const refused = async (file: string, given: readonly string[], ...parts: string[]) => {
    const out = at(`refused${made++}`);
    expectRefused(await penumbra("import", file, "--out", out, ...given), ...parts);
    expect(existsSync(out)).toBe(false);
  };

  it("a checkpoint that would run a command", async () => {
    await refused(fixture("malicious.pth"), [], "refused, it asks for posix.system");
    expect(existsSync("/tmp/penumbra-was-here")).toBe(false);
  });

  it("what is no checkpoint, or of another network", async () => {
    writeFileSync(at("text.pth"), "weights");
    await refused(at("text.pth"), [], "neither a PyTorch checkpoint nor");
    await refused(at("none.pth"), [], "can't open", "none.pth");
    await refused(fixture("module.pth"), [], "no V-Net of the published kind", "0.weight, 0.bias");
  });

  it("several networks, unless one is named", async () => {
    const file = changed((tensors) => {
      for (const [name, tensor] of [...tensors]) tensors.set(name.replace("module.", "teacher."), tensor);
    });
    await refused(file, [], '"module", "teacher"', "--key");
    const { code, stdout } = await penumbra("import", file, "--key", "teacher", "--out", at("named"));
    expect([code, stdout]).toEqual([0, expect.stringContaining('names under "teacher."')]);
  });

  it("a tensor that is missing, of another shape or type, or not finite", async () => {
    const name = "module.block_three.conv.0.weight";
    const change = (work: (tensor: HostTensor) => HostTensor | null) =>
      changed((tensors) => {
        const tensor = work(tensors.get(name)!);
        if (tensor) tensors.set(name, tensor);
        else tensors.delete(name);
      });
    await refused(
      change(() => null),
      [],
      "lacks block_three.conv.0.weight",
    );
    const flat = change((tensor) => ({ ...tensor, shape: [...tensor.shape].reverse() }));
    await refused(flat, [], "block_three.conv.0.weight is [3, 3, 8, 8, 3]; expected [8, 8, 3, 3, 3]");
    const whole = change((tensor) => ({ ...tensor, dtype: "I32", data: new Int32Array(tensor.data.length) }));
    await refused(whole, [], "is I32; expected F16, BF16, F32 or F64");
    const odd = change((tensor) => ({
      ...tensor,
      data: (tensor.data as Float32Array).slice().fill(Number.NaN, 5, 6),
    }));
    await refused(odd, [], "values that are not finite");
  });

  it("with --strict, one tensor less or more than there should be", async () => {
    const file = changed((tensors) => {
      tensors.delete("module.head.conv.0.bias");
      tensors.set("module.extra.weight", { dtype: "F32", shape: [1], data: new Float32Array(1) });
    });
    await refused(file, ["--strict"], "lacks 1 tensors (head.conv.0.bias)", "1 too many (extra.weight)");
    const { code, stdout } = await penumbra("import", file, "--out", at("lenient"));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^missing +1: head\.conv\.0\.bias \(not used by predict; zero\)$/m);
    expect(stdout).toMatch(/^left over +1: extra\.weight$/m);
  });

  it("a preset, settings or class names for another network", async () => {
    await refused(weights, ["--preset", "hippocampus"], "2 classes but the config's model.classes is 3");
    await refused(weights, ["--set", "model.filters=16"], "model.filters 2, --set says 16");
    await refused(weights, ["--classes", "background"], "2 classes, --classes names 1");
    await refused(weights, ["--classes", "background,"], "none of them empty");
  });

  it("stage 1, of a network without a distribution", async () => {
    const file = changed((tensors) => {
      for (const name of [...tensors.keys()]) if (/cov_/.test(name)) tensors.delete(name);
    });
    await refused(file, ["--stage", "1"], "predicts no distribution of logits");
  });
});
