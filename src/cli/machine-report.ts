import { availableParallelism } from "node:os";
import type { AddonLocation, CpuCapability } from "../engine/find-libtorch.js";
import type { LibtorchFacts } from "../engine/libtorch.js";
import { freeMemory, totalMemory } from "../machine-memory.js";

/** "problem" stops Penumbra from working, "slow" costs time, "ok" needs nothing. */
export type Verdict = "ok" | "slow" | "problem";

/** One thing about this machine. */
export interface Finding {
  readonly name: string;
  readonly verdict: Verdict;
  readonly value: string;
  /** What to do about it; null when it is ok. */
  readonly fix: string | null;
}

const LEAST_FREE_BYTES = 4e9;
const gb = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
const ok = (name: string, value: string): Finding => ({ name, verdict: "ok", value, fix: null });

/** Node, cores and memory. */
export function machineFindings(free = freeMemory(), total = totalMemory()): Finding[] {
  const value = `${gb(free)} free of ${gb(total)}`;
  const fix = "close other programs, or train with smaller patches: --set data.patchSize=[48,64,64]";
  return [
    ok("node", process.version.slice(1)),
    ok("cores", String(availableParallelism())),
    free < LEAST_FREE_BYTES ? { name: "memory", verdict: "slow", value, fix } : ok("memory", value),
  ];
}

/** The CPU's vector units, and whether bf16 is native on it. */
export function cpuFindings({ avx2, avx512, avx512Bf16, amx }: CpuCapability): Finding[] {
  const units = [avx2 && "AVX2", avx512 && "AVX-512", avx512Bf16 && "AVX-512 BF16", amx && "AMX"].filter(
    Boolean,
  );
  const native = amx ? "AMX" : avx512Bf16 ? "AVX-512 BF16" : null;
  return [
    ok("vector units", units.join(", ") || "not known"),
    ok(
      "bf16",
      native
        ? `native (${native}); --precision auto uses it on the CPU`
        : "not native on this CPU; --precision auto takes fp32",
    ),
  ];
}

/** The libtorch that the addon was built against, its BLAS, and what it sees. */
export function libtorchFindings(addon: AddonLocation, facts: LibtorchFacts, cpu: CpuCapability): Finding[] {
  const kernels = /CPU capability usage: (\S+)/.exec(facts.config)?.[1] ?? "not known";
  const belowCpu = cpu.avx512 && kernels !== "AVX512" && kernels !== "not known";
  return [
    ok("libtorch", `${facts.version} in ${addon.torchDir}`),
    addon.blas === "reference"
      ? slow("BLAS", "reference", "sudo apt-get install libopenblas0-pthread")
      : ok("BLAS", addon.blas),
    facts.oneDnn ? ok("oneDNN", "yes") : slow("oneDNN", "no", "use a libtorch built with oneDNN (TORCH_DIR)"),
    belowCpu
      ? slow("kernels", kernels, "unset ATEN_CPU_CAPABILITY: this CPU has AVX-512")
      : ok("kernels", kernels),
    ok(
      "devices",
      ["cpu", facts.cudaDevices > 0 && `${facts.cudaDevices} CUDA`, facts.mps && "mps"]
        .filter(Boolean)
        .join(", "),
    ),
  ];
}

const slow = (name: string, value: string, fix: string): Finding => ({ name, verdict: "slow", value, fix });

/** Aligned lines: a mark, the name, the value, and below it what to do. */
export function formatFindings(findings: readonly Finding[]): string {
  const marks: Record<Verdict, string> = { ok: "ok  ", slow: "slow", problem: "FAIL" };
  const width = Math.max(...findings.map(({ name }) => name.length));
  return findings
    .map(({ name, verdict, value, fix }) => {
      const line = `${marks[verdict]}  ${name.padEnd(width)}  ${value}`;
      return fix ? `${line}\n${" ".repeat(width + 8)}-> ${fix}` : line;
    })
    .join("\n");
}
