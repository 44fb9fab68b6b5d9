// Writes docs/licences.md from package-lock.json: node scripts/licences.mjs
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** What packages say in files of their own instead of an SPDX name. */
const EXPLAINED = {
  h5wasm: "NIST's notice (free use), with HDF5 (BSD-style) as its LICENSE.txt says",
};

const nameOf = (path) => path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
const isPlatform = ({ optional, cpu, os }) => Boolean(optional && (cpu || os));

/** Name, version and licence of the lock file's packages; of one package's builds for platforms only one row. */
function rowsOf(packages, isWanted) {
  const rows = Object.entries(packages)
    .filter(([path, entry]) => path !== "" && isWanted(entry))
    .map(([path, entry]) => {
      const name = isPlatform(entry)
        ? `${nameOf(path).replace(/[-/][^/-]*(-.*)?$/, "")} (builds for platforms)`
        : nameOf(path);
      return `| ${name} | ${entry.version} | ${EXPLAINED[nameOf(path)] ?? entry.license ?? "unknown"} |`;
    });
  return [...new Set(rows)].sort();
}

const table = (rows) => ["| package | version | licence |", "| --- | --- | --- |", ...rows].join("\n");

/** The page's text for a parsed package-lock.json. */
export function licencePage({ packages }) {
  const shipped = rowsOf(packages, ({ dev }) => !dev);
  const development = rowsOf(packages, ({ dev }) => dev);
  return `# Licences of what Penumbra stands on

Written from package-lock.json by \`node scripts/licences.mjs\`; a test fails when it is out of date. Penumbra itself is Apache-2.0.

## Needed to run

${table(shipped)}

libtorch (BSD-3-Clause) and OpenBLAS (BSD-3-Clause) come from the system and are not part of the package.

## Needed to develop only

Of these, what the viewer's pages show with (NiiVue, preact, uPlot and what they stand on) is bundled into the package's
\`viewer/dist\`, with their notices in \`viewer/dist/licences.md\`.

${table(development)}
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lock = JSON.parse(readFileSync(here("package-lock.json"), "utf8"));
  writeFileSync(here("docs/licences.md"), licencePage(lock));
}
