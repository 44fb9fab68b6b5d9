import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { complaint } from "../errors.testing.js";
import { capabilityFromCpuinfo, cpuCapability, findAddon, prepareEnvironment } from "./find-libtorch.js";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "penumbra-addon-"));
  mkdirSync(join(root, "build"));
});
afterEach(() => {
  rmSync(root, { recursive: true });
  vi.unstubAllEnvs();
});

const stamp = (fields: object) => {
  writeFileSync(join(root, "build/penumbra.node"), "");
  writeFileSync(join(root, "build/native.json"), JSON.stringify(fields));
};

describe("findAddon", () => {
  it("reads what set-up recorded", () => {
    stamp({ torchVersion: "2.13.0", torchDir: "/opt/torch", libDir: root, blas: "built in" });
    expect(findAddon(root)).toEqual({
      addonPath: join(root, "build/penumbra.node"),
      torchVersion: "2.13.0",
      torchDir: "/opt/torch",
      blas: "built in",
    });
  });

  it("says how to build an addon that is missing", () => {
    const installed = `build it with: node "${join(root, "scripts/setup.mjs")}"`;
    expect(complaint(() => findAddon(root))).toMatch(/penumbra\.node is not built yet/);
    expect(complaint(() => findAddon(root)).endsWith(installed)).toBe(true);
    writeFileSync(join(root, "package-lock.json"), "{}");
    expect(() => findAddon(root)).toThrow(/penumbra\.node is not built yet; build it with: npm run setup$/);
  });

  it("names a libtorch that is gone", () => {
    stamp({ torchVersion: "2.13.0", torchDir: "/gone", libDir: "/gone/lib", blas: "built in" });
    expect(() => findAddon(root)).toThrow("libtorch in /gone/lib, which is gone");
  });

  it("says when libtorch was exchanged in its place", () => {
    const library = join(root, "libtorch_cpu.so");
    writeFileSync(library, "first");
    const facts = { torchVersion: "2.13.0", torchDir: root, libDir: root, blas: "built in" };
    stamp({ ...facts, library, librarySize: 5 });
    expect(findAddon(root).torchVersion).toBe("2.13.0");
    writeFileSync(library, "second");
    expect(complaint(() => findAddon(root))).toMatch(
      /libtorch 2\.13\.0 in .*, which is another now; build it with/,
    );
  });

  it("names the key that a stamp lacks", () => {
    stamp({ torchVersion: "2.13.0", torchDir: "/gone", libDir: root });
    expect(() => findAddon(root)).toThrow('lacks "blas"');
  });
});

describe("CPU features", () => {
  const flags = (words: string) => `processor\t: 0\nflags\t\t: fpu ${words}\nbugs\t\t: none\n`;

  it("needs all four AVX-512 parts that libtorch's kernels use", () => {
    expect(capabilityFromCpuinfo(flags("avx2 avx512f avx512bw avx512dq")).avx512).toBe(false);
    expect(capabilityFromCpuinfo(flags("avx2 avx512f avx512bw avx512dq avx512vl amx_tile amx_bf16"))).toEqual(
      {
        avx2: true,
        avx512: true,
        avx512Bf16: false,
        amx: true,
      },
    );
  });

  it("has nothing to say without /proc/cpuinfo", () => {
    expect(cpuCapability(join(root, "cpuinfo"))).toEqual({
      avx2: false,
      avx512: false,
      avx512Bf16: false,
      amx: false,
    });
  });
});

describe("prepareEnvironment", () => {
  const withAvx512 = { avx2: true, avx512: true, avx512Bf16: false, amx: false };

  it("asks for AVX-512 only where the CPU has it", () => {
    vi.stubEnv("ATEN_CPU_CAPABILITY", undefined);
    prepareEnvironment({ ...withAvx512, avx512: false });
    expect(process.env.ATEN_CPU_CAPABILITY).toBeUndefined();
    prepareEnvironment(withAvx512);
    expect(process.env.ATEN_CPU_CAPABILITY).toBe("avx512");
  });

  it("leaves a person's choice alone", () => {
    vi.stubEnv("ATEN_CPU_CAPABILITY", "default");
    prepareEnvironment(withAvx512);
    expect(process.env.ATEN_CPU_CAPABILITY).toBe("default");
  });

  it("has threads wait asleep after a while, unless the person said how they wait", () => {
    const spins = (policy?: string, count?: string) => {
      vi.stubEnv("OMP_WAIT_POLICY", policy);
      vi.stubEnv("GOMP_SPINCOUNT", count);
      prepareEnvironment(withAvx512);
      return process.env.GOMP_SPINCOUNT;
    };
    expect(spins()).toBe("4000");
    expect(spins(undefined, "7")).toBe("7");
    expect(spins("active")).toBeUndefined();
  });

  it.runIf(process.platform === "linux")("comes before OpenMP reads it", () => {
    const load = 'import("#dist/engine/libtorch.js").then(({ native }) => native())';
    const { OMP_WAIT_POLICY: _, GOMP_SPINCOUNT: __, ...inherited } = process.env;
    const env = { ...inherited, OMP_DISPLAY_ENV: "verbose" };
    const { stderr } = spawnSync(process.execPath, ["-e", load], { env, encoding: "utf8" });
    expect(stderr).toMatch(/GOMP_SPINCOUNT = '4000'/);
  });
});
