// Everything between a fresh clone and a working `penumbra`: packages, libtorch, the addon, dist/.
// Plain JavaScript without packages, because it runs before there are any. Quick and silent when all is done.
//   node scripts/setup.mjs            what is missing or out of date
//   node scripts/setup.mjs --search   also look for libtorch again (else the one built against last stays)
//   node scripts/setup.mjs --tests    also what only tests need: a pretended CUDA device, and a Chromium
//                                     for those of the viewer, where apt can be used
//   TORCH_DIR=/path node scripts/setup.mjs   build against that libtorch
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { filesUnder, hashOf, readStamp } from "./content-hash.mjs";
import { debianInstaller } from "./debian-packages.mjs";
import { blasOf, findLibtorch, WAYS_TO_GET_LIBTORCH } from "./libtorch-search.mjs";
import { addonPaths, buildNative, buildPretendedCuda } from "./native-build.mjs";
import { note, outputOf, run, SetupError, step } from "./step.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const lockPath = join(root, "package-lock.json");
const BLAS = "libopenblas0-pthread";
const SLOW_BLAS = `this libtorch runs on the reference BLAS, about 3.5x slower: sudo apt-get install ${BLAS}`;
/** Where Debian puts it; tests look there too. */
const CHROMIUM = "/usr/bin/chromium";
// The published package carries dist/ and its packages but no lock: only the addon is left to build.
const isCheckout = existsSync(lockPath);

async function installPackages() {
  const stampPath = join(root, "node_modules/.penumbra-lock");
  const npmsOwn = join(root, "node_modules/.package-lock.json");
  const wanted = hashOf(root, [lockPath]);
  if (existsSync(stampPath) && readFileSync(stampPath, "utf8") === wanted) return;
  const byHand =
    !existsSync(stampPath) && existsSync(npmsOwn) && statSync(npmsOwn).mtimeMs > statSync(lockPath).mtimeMs;
  if (!byHand) {
    const args = ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"];
    await step("installing packages (npm ci)", () => run("npm", args, { cwd: root }));
  }
  writeFileSync(stampPath, wanted);
}

const missingCompiler = () => outputOf("c++", ["--version"]) === null;

/** libtorch with an optimized BLAS, and a compiler; what Debian can install is installed. */
async function provideLibtorch() {
  const previous = process.argv.includes("--search") ? null : readStamp(addonPaths(root).stamp);
  const search = () => findLibtorch(process.env.TORCH_DIR, previous);
  let torch = search();
  const lacking = [];
  if (!torch) lacking.push("libtorch-dev");
  if (!torch || blasOf(torch) === "reference") lacking.push(BLAS);
  const mustBuild = !torch || !existsSync(addonPaths(root).addon);
  if (mustBuild && missingCompiler()) lacking.push("g++");
  if (lacking.length > 0) await provide(lacking);
  torch ??= search();
  if (!torch) throw new SetupError(`libtorch not found\n${WAYS_TO_GET_LIBTORCH}`, 3);
  return torch;
}

async function provide(packages) {
  const install = debianInstaller();
  const needed = packages.filter((name) => name !== BLAS);
  if (install) {
    try {
      await step(`installing Debian packages: ${packages.join(" ")}`, () => install(packages));
    } catch (error) {
      if (needed.length > 0) throw error;
      note(`${SLOW_BLAS} (${error.message})`);
    }
  } else if (packages.includes("libtorch-dev")) {
    throw new SetupError(`libtorch not found\n${WAYS_TO_GET_LIBTORCH}`, 3);
  } else if (packages.includes("g++")) {
    const fix = process.platform === "darwin" ? "xcode-select --install" : "sudo apt-get install g++";
    throw new SetupError(`no C++ compiler: expected c++ on the PATH; install one, for example: ${fix}`, 3);
  } else {
    note(SLOW_BLAS);
  }
}

async function compileTypeScript() {
  const stampPath = join(root, "dist/stamp.json");
  const project = join(root, "tsconfig.build.json");
  const sources = filesUnder(join(root, "src")).filter((file) => !/\.test(ing)?\.ts$/.test(file));
  const key = hashOf(root, [...sources, project, join(root, "tsconfig.json"), lockPath]);
  if (readStamp(stampPath)?.key === key) return;
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  await step("compiling src to dist", () => run(process.execPath, [tsc, "-p", project], { cwd: root }));
  removeOrphans(sources);
  writeFileSync(stampPath, `${JSON.stringify({ key })}\n`);
}

/** Deletes what earlier compilations left in dist/ of sources that are gone. */
function removeOrphans(sources) {
  const dist = join(root, "dist");
  const known = new Set(sources.map((file) => relative(join(root, "src"), file).replace(/\.ts$/, "")));
  for (const file of filesUnder(dist)) {
    const stem = relative(dist, file).replace(/(\.d\.ts|\.js)(\.map)?$/, "");
    if (stem !== "stamp.json" && !known.has(stem)) rmSync(file);
  }
}

/** The pages of `penumbra view`. */
async function buildViewer() {
  const folder = join(root, "viewer");
  const stampPath = join(folder, "dist/stamp.json");
  const sources = filesUnder(folder).filter((file) => !relative(folder, file).startsWith("dist"));
  const key = hashOf(root, [...sources, lockPath]);
  if (readStamp(stampPath)?.key === key) return;
  const vite = join(root, "node_modules/vite/bin/vite.js");
  await step("building the viewer's pages", () =>
    run(process.execPath, [vite, "build", folder, "--logLevel", "warn"], { cwd: root }),
  );
  writeFileSync(stampPath, `${JSON.stringify({ key })}\n`);
}

/** Tests of the viewer need a browser; without one they are skipped and say so. */
async function provideBrowser() {
  if (existsSync(CHROMIUM)) return;
  const install = debianInstaller();
  if (!install) return note(`no ${CHROMIUM}: the viewer's tests in a browser will be skipped`);
  try {
    await step("installing Debian's chromium for the viewer's tests", () => install(["chromium"]));
  } catch (error) {
    note(`chromium can't be installed, so the viewer's tests in a browser will be skipped: ${error.message}`);
  }
}

try {
  if (process.platform === "win32")
    throw new SetupError("Windows is not supported: use WSL 2 with Debian", 3);
  if (isCheckout) await installPackages();
  const torch = await provideLibtorch();
  await buildNative(root, torch, blasOf(torch));
  if (isCheckout) {
    await compileTypeScript();
    await buildViewer();
    if (process.argv.includes("--tests")) {
      await buildPretendedCuda(root, torch);
      await provideBrowser();
    }
  }
} catch (error) {
  const known = error instanceof SetupError;
  process.stderr.write(`setup: ${known ? error.message : error.stack}\n`);
  process.exitCode = known ? error.exitCode : 1;
}
