// Where libtorch is. A candidate is {torchDir, includeDirs, libDir, version: [major, minor, patch], source}.
import { existsSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { outputOf, SetupError } from "./step.mjs";

const API_INCLUDE = "torch/csrc/api/include";
const LIBRARY = process.platform === "darwin" ? "libtorch_cpu.dylib" : "libtorch_cpu.so";
const HOMEBREW_PREFIXES = ["/opt/homebrew/opt", "/usr/local/opt", "/home/linuxbrew/.linuxbrew/opt"];

/** What to do where no libtorch is found. */
export const WAYS_TO_GET_LIBTORCH = `Any one of these gives Penumbra a libtorch (then run this again):
  Debian, Ubuntu   sudo apt-get install libtorch-dev libopenblas0-pthread g++
  Python           pip install torch        (python3 on the PATH must be the one that has it)
  macOS            brew install pytorch
  anywhere         unpack a libtorch zip from https://pytorch.org/get-started/locally/ and set TORCH_DIR=/path/to/libtorch
TORCH_DIR may also name a Python site-packages/torch folder.`;

function versionIn(includeDir) {
  const headers = [
    join(includeDir, API_INCLUDE, "torch/version.h"),
    join(includeDir, "torch/headeronly/version.h"),
  ];
  const text = headers
    .filter((header) => existsSync(header))
    .map((header) => readFileSync(header, "utf8"))
    .join("\n");
  const parts = ["MAJOR", "MINOR", "PATCH"].map((part) => text.match(`TORCH_VERSION_${part} +(\\d+)`)?.[1]);
  return parts.every((part) => part !== undefined) ? parts.map(Number) : null;
}

/** A folder with include/ and lib/: a libtorch zip, site-packages/torch, a Homebrew keg. Null if it isn't one. */
function inspectRoot(root, source) {
  const torchDir = resolve(root);
  const include = join(torchDir, "include");
  const libDir = join(torchDir, "lib");
  const version = versionIn(include);
  if (!version || !existsSync(join(libDir, LIBRARY))) return null;
  return { torchDir, includeDirs: [include, join(include, API_INCLUDE)], libDir, version, source };
}

/** Debian's libtorch-dev: headers in /usr/include, libraries in the architecture's folder of /usr/lib. */
function inspectDebian() {
  const version = versionIn("/usr/include");
  if (!version) return null;
  const libDir = readdirSync("/usr/lib")
    .map((name) => join("/usr/lib", name))
    .find((dir) => existsSync(join(dir, LIBRARY)));
  // /usr/include itself is searched anyway, and naming it would break the compiler's own order.
  return libDir
    ? {
        torchDir: "/usr",
        includeDirs: [join("/usr/include", API_INCLUDE)],
        libDir,
        version,
        source: "Debian",
      }
    : null;
}

/** python3's torch, found without importing it. Debian's own python3-torch is left to `inspectDebian`. */
function inspectPython() {
  const script =
    "import importlib.util as u; s = u.find_spec('torch'); print(next(iter(s.submodule_search_locations), '') if s else '')";
  const dir = outputOf("python3", ["-c", script]);
  if (!dir || !existsSync(dir) || realpathSync(dir).startsWith("/usr/lib/python3")) return null;
  return inspectRoot(dir, "Python");
}

function inspectHomebrew() {
  for (const prefix of HOMEBREW_PREFIXES) {
    for (const formula of ["pytorch", "libtorch"]) {
      const found = inspectRoot(join(prefix, formula), "Homebrew");
      if (found) return found;
    }
  }
  return null;
}

const inspect = (dir, source) => (resolve(dir) === "/usr" ? inspectDebian() : inspectRoot(dir, source));

/** 1.13, the last 1.x, and what has the interfaces of 2.4: those between have neither. */
const isUsable = ([major, minor]) => (major === 1 ? minor >= 13 : major > 2 || (major === 2 && minor >= 4));

/**
 * The libtorch to build against: TORCH_DIR; else the one built against last time, while it is there;
 * else python3's, Debian's, Homebrew's. Null when there is none.
 * @throws SetupError (3) when TORCH_DIR is set and is no libtorch, or the libtorch is of a version that can not be built against.
 */
export function findLibtorch(requestedDir, previous) {
  let found = null;
  if (requestedDir) {
    found = inspect(requestedDir, "TORCH_DIR");
    if (!found) {
      throw new SetupError(
        `TORCH_DIR=${requestedDir} holds no libtorch: expected include/${API_INCLUDE}/torch/version.h and lib/${LIBRARY} in it\n${WAYS_TO_GET_LIBTORCH}`,
        3,
      );
    }
  } else {
    if (previous) found = inspect(previous.torchDir, previous.source);
    if (!found) {
      const there = [inspectPython, inspectDebian, inspectHomebrew].map((look) => look()).filter(Boolean);
      found = there.find(({ version }) => isUsable(version)) ?? there[0] ?? null;
    }
  }
  if (found && !isUsable(found.version)) {
    throw new SetupError(
      `libtorch ${found.version.join(".")} in ${found.torchDir} can't be built against: expected 1.13, or 2.4 or newer\n${WAYS_TO_GET_LIBTORCH}`,
      3,
    );
  }
  return found;
}

/** The BLAS behind a libtorch: Debian's comes by alternatives, all others bring their own. */
export function blasOf({ source, torchDir, libDir }) {
  if (torchDir !== "/usr") return source === "Homebrew" ? "from Homebrew" : "built in";
  const link = join(libDir, "libblas.so.3");
  const target = existsSync(link) ? realpathSync(link) : "";
  return ["openblas", "mkl", "blis", "atlas"].find((name) => target.includes(name)) ?? "reference";
}
