import { describe, expect, it } from "vitest";
import type { AddonLocation, CpuCapability } from "../engine/find-libtorch.js";
import type { LibtorchFacts } from "../engine/libtorch.js";
import { cpuFindings, formatFindings, libtorchFindings, machineFindings } from "./machine-report.js";

const cpu: CpuCapability = { avx2: true, avx512: true, avx512Bf16: false, amx: true };
const addon: AddonLocation = { addonPath: "", torchVersion: "1.13.0", torchDir: "/usr", blas: "openblas" };
const facts: LibtorchFacts = {
  version: "1.13.0",
  config: "PyTorch built with:\n  - CPU capability usage: AVX512\n",
  parallel: "",
  cudaDevices: 0,
  cudaBf16: false,
  mps: false,
  oneDnn: true,
};

const verdicts = (findings: ReturnType<typeof libtorchFindings>) =>
  findings.filter(({ verdict }) => verdict !== "ok").map(({ name, verdict }) => `${name} ${verdict}`);

describe("libtorch", () => {
  it("has nothing to say against a good one", () => {
    expect(verdicts(libtorchFindings(addon, facts, cpu))).toEqual([]);
  });

  it("finds the reference BLAS, missing oneDNN and kernels below the CPU's", () => {
    const config = "CPU capability usage: AVX2";
    const slow = libtorchFindings({ ...addon, blas: "reference" }, { ...facts, config, oneDnn: false }, cpu);
    expect(verdicts(slow)).toEqual(["BLAS slow", "oneDNN slow", "kernels slow"]);
    expect(slow.find(({ name }) => name === "BLAS")?.fix).toBe("sudo apt-get install libopenblas0-pthread");
  });

  it("takes AVX2 kernels as they are on an AVX2 CPU", () => {
    const config = "CPU capability usage: AVX2";
    expect(verdicts(libtorchFindings(addon, { ...facts, config }, { ...cpu, avx512: false }))).toEqual([]);
  });

  it("counts devices", () => {
    const devices = libtorchFindings(addon, { ...facts, cudaDevices: 2 }, cpu).at(-1);
    expect(devices?.value).toBe("cpu, 2 CUDA");
  });
});

describe("machine", () => {
  it("asks for memory below 4 GB", () => {
    expect(machineFindings(3.9e9, 8e9).at(-1)).toMatchObject({
      verdict: "slow",
      value: "3.9 GB free of 8.0 GB",
    });
    expect(machineFindings(4.1e9, 8e9).at(-1)).toMatchObject({ verdict: "ok", fix: null });
  });

  it("says whether bf16 is native", () => {
    expect(cpuFindings(cpu).map(({ value }) => value)).toEqual([
      "AVX2, AVX-512, AMX",
      "native (AMX); --precision auto uses it on the CPU",
    ]);
    expect(cpuFindings({ ...cpu, amx: false })[1]?.value).toMatch(/^not native/);
  });
});

it("aligns findings and puts the fix below", () => {
  expect(
    formatFindings([
      { name: "BLAS", verdict: "slow", value: "reference", fix: "install one" },
      { name: "libtorch", verdict: "ok", value: "1.13.0", fix: null },
    ]),
  ).toBe("slow  BLAS      reference\n                -> install one\nok    libtorch  1.13.0");
});
