import { readdirSync, readFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const src = fileURLToPath(new URL("../src", import.meta.url));

/** Which rooms of src each room may import; all may import errors.ts and themselves. */
const MAY: Record<string, readonly string[]> = {
  engine: [],
  nn: ["engine"],
  models: ["nn", "engine"],
  losses: ["engine"],
  methods: ["models", "losses", "nn", "engine"],
  files: [],
  volume: ["files"],
  data: ["volume", "files"],
  metrics: ["volume"],
  report: ["metrics", "volume", "files"],
  recipes: ["training", "files", "methods", "models", "losses", "nn", "engine", "data", "volume"],
  training: ["methods", "models", "losses", "nn", "engine", "data", "volume", "files"],
  weights: ["training", "models", "nn", "engine", "files"],
  inference: [
    "training",
    "methods",
    "models",
    "losses",
    "nn",
    "engine",
    "data",
    "volume",
    "files",
    "metrics",
    "report",
  ],
  compare: ["inference", "training", "data", "files", "metrics", "report"],
  viewer: ["inference", "training", "data", "volume", "metrics", "files"],
};
/** The rooms that put everything together. */
const OPEN = new Set(["cli", "demo", "index.ts"]);
/** Files beside the rooms that import nothing of them. */
const GROUND = new Set(["errors.ts", "machine-memory.ts", "shell-word.ts", "version.ts"]);

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts") && !/\.(test|testing)\.ts$/.test(name))
  .map((name) => name.split(sep).join("/"));
const roomOf = (file: string) => file.split("/")[0]!;

/** Files of src that a file imports, types included. */
function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  const found = text.matchAll(/(?:\bfrom|\bimport|\bnew URL\()\s*\(?\s*"(\.[^"]+\.js)"/g);
  return [...found].map(([, path]) => {
    const target = relative(src, join(src, file, "..", path!))
      .split(sep)
      .join("/");
    return target.replace(/\.js$/, ".ts");
  });
}

it("finds the files and their imports", () => {
  expect(files.length).toBeGreaterThan(50);
  expect(importsOf("methods/supervised.ts")).toContain("losses/dice.ts");
  const unknown = files.flatMap((file) => importsOf(file).filter((target) => !files.includes(target)));
  expect(unknown).toEqual([]);
});

it("every room imports only those below it", () => {
  const broken = files.flatMap((file) => {
    const room = roomOf(file);
    if (OPEN.has(room)) return [];
    const allowed = MAY[room] ?? [];
    return importsOf(file)
      .filter((target) => roomOf(target) !== room && !GROUND.has(target) && !allowed.includes(roomOf(target)))
      .map((target) => `${file} imports ${target}`);
  });
  expect(broken).toEqual([]);
});

it("every room has a rule", () => {
  const rooms = new Set(files.map(roomOf));
  expect([...rooms].filter((room) => !(room in MAY) && !OPEN.has(room) && !GROUND.has(room))).toEqual([]);
});

it("no file imports itself in a circle", () => {
  const open: string[] = [];
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string): void => {
    if (done.has(file)) return;
    const at = open.indexOf(file);
    if (at >= 0) {
      circles.push([...open.slice(at), file].join(" -> "));
      return;
    }
    open.push(file);
    for (const target of valueImportsOf(file)) visit(target);
    open.pop();
    done.add(file);
  };
  for (const file of files) visit(file);
  expect(circles).toEqual([]);
});

/** Imports that are left when types are gone. */
function valueImportsOf(file: string): string[] {
  const text = readFileSync(join(src, file), "utf8");
  const typesOnly = [
    ...text.matchAll(/(?:import|export) (?:type )?\{([^}]*)\} from "([^"]+)"|import type [^;]+;/g),
  ]
    .filter(([whole, names]) => {
      if (/^(import|export) type /.test(whole)) return true;
      return names!.split(",").every((name) => /^\s*(type\s|$)/.test(name));
    })
    .map(([whole]) => whole);
  const left = typesOnly.reduce((rest, statement) => rest.replace(statement, ""), text);
  const found = left.matchAll(/\bfrom\s*"(\.[^"]+\.js)"/g);
  return [...found].map(([, path]) =>
    relative(src, join(src, file, "..", path!))
      .split(sep)
      .join("/")
      .replace(/\.js$/, ".ts"),
  );
}
