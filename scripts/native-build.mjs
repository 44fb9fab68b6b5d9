// native/*.cc -> build/penumbra.node, with build/native.json saying what it was made from; the same for tests' device.
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, totalmem } from "node:os";
import { basename, dirname, join } from "node:path";
import { filesUnder, hashOf, readStamp } from "./content-hash.mjs";
import { run, SetupError, step } from "./step.mjs";

const COMPILER_BYTES = 2e9; // about 1 GB while it reads libtorch's headers
const MAC = process.platform === "darwin";

/** Paths of the addon and of the stamp beside it. */
export const addonPaths = (root) => ({
  addon: join(root, "build/penumbra.node"),
  stamp: join(root, "build/native.json"),
});

function nodeApiInclude() {
  const besideNode = join(dirname(dirname(process.execPath)), "include/node");
  try {
    return join(dirname(createRequire(import.meta.url).resolve("node-api-headers/package.json")), "include");
  } catch {
    if (existsSync(join(besideNode, "node_api.h"))) return besideNode;
    throw new SetupError("node_api.h not found: expected the package node-api-headers; run npm ci", 3);
  }
}

/** 0 for libtorch built with GCC's old std::string (wheels before 2.6), else 1. */
function cxx11Abi(libDir) {
  const library = join(libDir, "libc10.so");
  return existsSync(library) && readFileSync(library).includes("torchCheckFailEPKcS2_jRKSs") ? 0 : 1;
}

function compileFlags({ version: [major, minor], includeDirs, libDir }) {
  const standard = major > 2 || (major === 2 && minor >= 13) ? 20 : 17;
  const includes = [nodeApiInclude(), ...includeDirs].flatMap((dir) => ["-isystem", dir]);
  const platform = MAC ? [] : ["-fopenmp", `-D_GLIBCXX_USE_CXX11_ABI=${cxx11Abi(libDir)}`];
  return [
    `-std=c++${standard}`,
    "-O3",
    "-fno-math-errno", // nobody reads errno or floating-point traps, and loops with a choice in them become
    "-fno-trapping-math", // vector code only without them
    "-fPIC",
    "-fvisibility=hidden",
    "-DNAPI_VERSION=8",
    ...platform,
    ...includes,
  ];
}

const hasCuda = (libDir) => existsSync(join(libDir, "libtorch_cuda.so"));

function linkFlags({ libDir }) {
  const libraries = ["-ltorch", "-ltorch_cpu", "-lc10"];
  if (hasCuda(libDir)) libraries.push("-ltorch_cuda", "-lc10_cuda");
  const path = [`-L${libDir}`, `-Wl,-rpath,${libDir}`];
  // A function that a changed libtorch lacks is found when the addon is loaded (-z now), not in the middle of a step.
  // CUDA's kernels register themselves when their library loads; no symbol of ours asks for it.
  return MAC
    ? ["-dynamiclib", "-undefined", "dynamic_lookup", ...path, ...libraries]
    : ["-shared", "-fopenmp", "-Wl,-z,now", "-Wl,--no-as-needed", ...path, ...libraries];
}

async function compileAll(sources, flags, objectDir) {
  const objects = sources.map((source) => join(objectDir, `${basename(source, ".cc")}.o`));
  const waiting = sources.map((source, i) => ["-c", source, "-o", objects[i], ...flags]);
  const worker = async () => {
    for (let args = waiting.shift(); args; args = waiting.shift()) await run("c++", args);
  };
  const atOnce = Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / COMPILER_BYTES)));
  await Promise.all(Array.from({ length: atOnce }, worker));
  return objects;
}

/** Drops object folders that interrupted builds left behind. */
function removeLeftovers(buildDir) {
  const hourAgo = Date.now() - 3_600_000;
  for (const name of readdirSync(buildDir).filter((entry) => entry.startsWith("objects-"))) {
    const dir = join(buildDir, name);
    if (statSync(dir, { throwIfNoEntry: false })?.mtimeMs < hourAgo)
      rmSync(dir, { recursive: true, force: true });
  }
}

/** Builds the addon against `torch` (of findLibtorch) unless the stamp says that this very one is there. */
export function buildNative(root, torch, blas) {
  const facts = { torchDir: torch.torchDir, libDir: torch.libDir, source: torch.source, blas };
  return buildLibrary(root, torch, { folder: "native", ...addonPaths(root), title: "the addon", facts });
}

/** A CUDA device for tests on machines that have none; a libtorch with CUDA is tested on what it has. */
export async function buildPretendedCuda(root, torch) {
  if (MAC || hasCuda(torch.libDir)) return;
  const [addon, stamp] = ["node", "json"].map((ending) => join(root, `build/pretended-cuda.${ending}`));
  await buildLibrary(root, torch, {
    folder: "test/pretended-cuda",
    addon,
    stamp,
    title: "a pretended CUDA device",
  });
}

async function buildLibrary(root, torch, { folder, addon, stamp, title, facts = {} }) {
  const files = filesUnder(join(root, folder));
  const sources = files.filter((file) => file.endsWith(".cc"));
  const [compile, link] = [compileFlags(torch), linkFlags(torch)];
  const library = join(torch.libDir, MAC ? "libtorch_cpu.dylib" : "libtorch_cpu.so");
  const { size, mtimeMs } = statSync(library);
  const torchVersion = torch.version.join(".");
  const key = hashOf(root, files, torchVersion, `${size} ${mtimeMs}`, ...compile, ...link);
  const made = { key, torchVersion, library, librarySize: size, ...facts };
  const previous = readStamp(stamp);
  const upToDate = previous?.key === key && existsSync(addon);
  if (upToDate && previous.blas === made.blas) return;
  if (!upToDate) {
    const what = `${title} (${sources.length} ${sources.length === 1 ? "file" : "files"})`;
    const against = `libtorch ${torchVersion} in ${torch.libDir}`;
    await step(`compiling ${what} against ${against}`, () => makeAddon({ sources, compile, link, addon }));
  }
  writeFileSync(stamp, `${JSON.stringify(made, null, 2)}\n`);
}

async function makeAddon({ sources, compile, link, addon }) {
  const buildDir = dirname(addon);
  const objectDir = join(buildDir, `objects-${process.pid}`);
  mkdirSync(objectDir, { recursive: true });
  removeLeftovers(buildDir);
  try {
    const objects = await compileAll(sources, compile, objectDir);
    const fresh = join(objectDir, basename(addon));
    await run("c++", [...objects, "-o", fresh, ...link]);
    renameSync(fresh, addon); // a process that runs with the old one keeps it
  } finally {
    rmSync(objectDir, { recursive: true, force: true });
  }
}
