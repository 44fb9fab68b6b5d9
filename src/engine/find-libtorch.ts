import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PenumbraError } from "../errors.js";

/** The compiled addon and the libtorch it was built against, as set-up recorded them. */
export interface AddonLocation {
  /** Absolute path of penumbra.node. */
  readonly addonPath: string;
  /** For example "2.13.0". */
  readonly torchVersion: string;
  /** The libtorch root, a site-packages/torch folder, or /usr for Debian's. */
  readonly torchDir: string;
  /** "openblas", "mkl", "blis", "atlas" or "reference" behind Debian's libtorch; else where it comes from. */
  readonly blas: string;
}

/** CPU features that decide which kernels libtorch can use. All false where /proc/cpuinfo doesn't exist. */
export interface CpuCapability {
  readonly avx2: boolean;
  readonly avx512: boolean;
  readonly avx512Bf16: boolean;
  readonly amx: boolean;
}

// src/engine and dist/engine lie equally deep.
const PACKAGE_ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const AVX512_FLAGS = ["avx512f", "avx512bw", "avx512dq", "avx512vl"];

/** The command that builds the addon: of a clone, or of a package that another project has installed. */
export const setupCommand = (root: string = PACKAGE_ROOT): string =>
  existsSync(join(root, "package-lock.json")) ? "npm run setup" : `node "${join(root, "scripts/setup.mjs")}"`;

const notBuilt = (root: string, what: string, cause?: unknown) =>
  new PenumbraError(
    "environment",
    `the libtorch addon is not usable: ${what}; build it with: ${setupCommand(root)}`,
    { cause },
  );

/**
 * Where the addon is.
 * @param root the package's folder
 * @throws PenumbraError "environment" when it is not built, or the libtorch it was built against is gone or another.
 */
export function findAddon(root: string = PACKAGE_ROOT): AddonLocation {
  const addonPath = join(root, "build/penumbra.node");
  if (!existsSync(stampOf(root)) || !existsSync(addonPath))
    throw notBuilt(root, `${addonPath} is not built yet`);
  const { torchVersion, torchDir, libDir, blas, library, librarySize } = readStamp(root);
  if (!existsSync(libDir)) throw notBuilt(root, `it was built against libtorch in ${libDir}, which is gone`);
  if (library !== undefined && statSync(library, { throwIfNoEntry: false })?.size !== librarySize)
    throw notBuilt(root, `it was built against libtorch ${torchVersion} in ${libDir}, which is another now`);
  return { addonPath, torchVersion, torchDir, blas };
}

type Stamp = Record<"torchVersion" | "torchDir" | "libDir" | "blas", string> & {
  /** The library that the addon was built against, and its bytes: an upgrade in place keeps name and folder. */
  readonly library?: string;
  readonly librarySize?: number;
};

const stampOf = (root: string) => join(root, "build/native.json");

function readStamp(root: string): Stamp {
  const path = stampOf(root);
  let stamp: unknown;
  try {
    stamp = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw notBuilt(root, `${path} is not JSON`, cause);
  }
  const fields = (stamp ?? {}) as Partial<Stamp>;
  for (const key of ["torchVersion", "torchDir", "libDir", "blas"] as const) {
    if (typeof fields[key] !== "string") throw notBuilt(root, `${path} lacks "${key}"`);
  }
  return fields as Stamp;
}

/** Features from the text of /proc/cpuinfo (its first "flags" line). */
export function capabilityFromCpuinfo(cpuinfo: string): CpuCapability {
  const flags = new Set(/^flags\s*:(.*)$/m.exec(cpuinfo)?.[1]?.trim().split(/\s+/));
  return {
    avx2: flags.has("avx2"),
    avx512: AVX512_FLAGS.every((flag) => flags.has(flag)),
    avx512Bf16: flags.has("avx512_bf16"),
    amx: flags.has("amx_tile") && flags.has("amx_bf16"),
  };
}

/** This machine's CPU features. */
export function cpuCapability(path = "/proc/cpuinfo"): CpuCapability {
  return capabilityFromCpuinfo(existsSync(path) ? readFileSync(path, "utf8") : "");
}

/**
 * Turns (of a loop of some nanoseconds) that a thread waits for the others before it sleeps. OpenMP's own 300,000 keep a core
 * from other programs for milliseconds at each of thousands of waits a step; these cover the waits of a training that has
 * its cores to itself (docs/reliability.md has the measurements).
 */
const SPIN_COUNT = "4000";

/**
 * Asks libtorch for its AVX-512 kernels where the CPU has them (it starts with AVX2 ones otherwise), and its threads to
 * wait for each other asleep rather than awake. Must run before the addon is loaded; a value that the person set stays.
 */
export function prepareEnvironment(capability: CpuCapability = cpuCapability()): void {
  const { env } = process;
  if (capability.avx512) env.ATEN_CPU_CAPABILITY ??= "avx512";
  if (env.OMP_WAIT_POLICY === undefined) env.GOMP_SPINCOUNT ??= SPIN_COUNT;
}
