import { describe, expect, it } from "vitest";
import { refusal } from "../errors.testing.js";
import { noGrad } from "./autograd.js";
import { checkDevice, resolvePrecision } from "./device.js";
import { cpuCapability } from "./find-libtorch.js";
import { libtorchFacts, memoryFigures, resetPeakMemory, setThreads, trimMemory } from "./libtorch.js";
import { randn, zeros } from "./make-tensor.js";
import { inFloat32, withPrecision } from "./precision.js";
import { scope } from "./scope.js";

describe("devices", () => {
  it("has a cpu", () => {
    expect(checkDevice("cpu")).toBe("cpu");
    expect(zeros([1]).device).toBe("cpu");
  });

  it("says which devices this libtorch sees and how to get another", () => {
    const { cudaDevices, version } = libtorchFacts();
    const missing = cudaDevices === 0 ? "cuda" : `cuda:${cudaDevices}`;
    const error = refusal(() => checkDevice(missing));
    expect(error.code).toBe("environment");
    expect(error.message).toContain(`libtorch ${version} sees ${cudaDevices} CUDA devices`);
    expect(error.message).toContain("TORCH_DIR");
  });

  it.each(["gpu", "cuda:", "cuda:x", "CPU", ""])('refuses the word "%s"', (word) => {
    expect(refusal(() => checkDevice(word)).code).toBe("bad-input");
  });

  it("takes bf16 by itself only where it is fast", () => {
    const { amx, avx512Bf16 } = cpuCapability();
    expect(resolvePrecision("auto", "cpu")).toBe(amx || avx512Bf16 ? "bf16" : "fp32");
    expect(resolvePrecision("auto", "cuda:1")).toBe(libtorchFacts().cudaBf16 ? "bf16" : "fp32");
    expect(resolvePrecision("auto", "mps")).toBe("fp32");
    expect(resolvePrecision("fp32", "cuda")).toBe("fp32");
  });
});

describe("withPrecision", () => {
  it("is one that there is", () => {
    expect(() => resolvePrecision("fp64" as "fp32", "cpu")).toThrow('precision "fp64": expected auto');
  });

  it("computes products in bfloat16, close to float32, and only inside", () => {
    const [a, b] = [randn([16, 64]), randn([64, 16])];
    const exact = a.matmul(b);
    const coarse = withPrecision("bf16", "cpu", () => a.matmul(b));
    expect(coarse.dtype).toBe("bfloat16");
    const error = coarse.to("float32").sub(exact).square().mean().item() / exact.square().mean().item();
    // without hardware for it libtorch also adds up in 8 bits: a relative error of 2^-9 in each of 64 additions
    expect(Math.sqrt(error)).toBeLessThan(0.03);
    expect(error).toBeGreaterThan(0);
    expect(a.matmul(b).dtype).toBe("float32");
    expect(withPrecision("fp32", "cpu", () => a.matmul(b)).dtype).toBe("float32");
  });

  it("ends when its body throws", () => {
    const broken = () =>
      withPrecision("bf16", "cpu", () => {
        throw new Error("broken");
      });
    expect(broken).toThrow("broken");
    expect(randn([2, 2]).matmul(randn([2, 2])).dtype).toBe("float32");
  });

  it("is put aside by inFloat32 and comes back, also after a throw", () => {
    const a = randn([4, 4]);
    const product = () => a.matmul(a).dtype;
    const seen = withPrecision("bf16", "cpu", () => {
      const inside = inFloat32(product);
      expect(() =>
        inFloat32(() => {
          throw new Error("broken");
        }),
      ).toThrow("broken");
      return [product(), inside, product(), withPrecision("bf16", "cpu", product), product()];
    });
    expect(seen).toEqual(["bfloat16", "float32", "bfloat16", "bfloat16", "bfloat16"]);
    expect([product(), inFloat32(product)]).toEqual(["float32", "float32"]);
  });

  it("records gradients where a pass before recorded none", () => {
    const [x, weight] = [randn([2, 2]), randn([2, 2]).requireGrad()];
    const recorded = withPrecision("bf16", "cpu", () => {
      noGrad(() => x.matmul(weight));
      return x.matmul(weight).requiresGrad;
    });
    expect(recorded).toBe(true);
  });

  it("sees a weight that changed since the last time", () => {
    const [x, weight] = [randn([2, 2]), randn([2, 2]).requireGrad()];
    const product = () => withPrecision("bf16", "cpu", () => x.matmul(weight).sum().item());
    const before = product();
    weight.detach().add_(zeros([2, 2]).fill_(8));
    expect(product()).not.toBe(before);
  });
});

describe("memory figures", () => {
  const MB = 1 << 20;
  it("count tensors and bytes of large blocks, and keep the peak", () => {
    resetPeakMemory();
    const before = memoryFigures();
    scope(() => {
      zeros([4 * MB]); // 16 MB
      zeros([4 * MB]).dispose();
      const inside = memoryFigures();
      expect(inside.tensors).toBe(before.tensors + 1);
      expect(inside.bytes).toBe(before.bytes + 16 * MB);
      expect(inside.peakBytes).toBe(before.bytes + 32 * MB);
    });
    expect(memoryFigures().bytes).toBe(before.bytes);
    resetPeakMemory();
    expect(memoryFigures().peakBytes).toBe(before.bytes);
  });

  it("keep freed blocks for the next tensor of their size until trimmed", () => {
    trimMemory();
    expect(memoryFigures().cachedBytes).toBe(0);
    scope(() => {
      zeros([MB]);
    });
    expect(memoryFigures().cachedBytes).toBe(4 * MB);
    scope(() => {
      const reused = zeros([MB]);
      expect(memoryFigures().cachedBytes).toBe(0);
      expect(reused.sum().item()).toBe(0);
    });
    trimMemory();
    expect(memoryFigures().cachedBytes).toBe(0);
  });
});

describe("libtorch", () => {
  it.each([-1, 1.5, 1025, Number.NaN])("refuses %d threads", (count) => {
    expect(() => setThreads(count, 2)).toThrow("expected a whole number from 1 to 1024");
  });

  it("says what it is and takes a number of threads", () => {
    expect(libtorchFacts().version).toMatch(/^\d+\.\d+\.\d+/);
    expect(setThreads(1, 2)).toBe(1);
    expect(setThreads(0, 2)).toBe(2);
    expect(() => setThreads(-1, -1)).toThrow(Error);
  });
});
