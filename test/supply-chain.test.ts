import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";

const here = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(here(path), "utf8"));

interface Locked {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly optional?: boolean;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const lock = json("package-lock.json") as { packages: Record<string, Locked> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
const named = (isOdd: (entry: Locked) => boolean) =>
  packages.filter(([, entry]) => isOdd(entry)).map(([path]) => path);

describe("dependencies", () => {
  it("are named with exact versions", () => {
    const { dependencies, devDependencies } = json("package.json");
    const versions = Object.values<string>({ ...dependencies, ...devDependencies });
    expect(versions.length).toBeGreaterThan(5);
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it("run nothing when they are installed", () => {
    // it prints a banner; .npmrc keeps even that from running
    const known = ["node_modules/core-js-pure"];
    const scripted = named(({ hasInstallScript }) => hasInstallScript === true);
    expect(scripted.filter((path) => !known.includes(path))).toEqual([]);
    expect(readFileSync(here(".npmrc"), "utf8")).toContain("ignore-scripts=true");
    const { scripts } = json("package.json");
    expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
  });

  it("are checked against a sum, from npm's registry; builds for other platforms may lack it", () => {
    expect(named(({ integrity, optional }) => !integrity && !optional)).toEqual([]);
    expect(
      named(({ resolved }) => resolved !== undefined && !resolved.startsWith("https://registry.npmjs.org/")),
    ).toEqual([]);
  });

  it("are those in which known advisories are mended", () => {
    const page = readFileSync(here("docs/security-testing.md"), "utf8");
    const rows = [
      ...page.matchAll(/^\| (\S+)(?: \(development\))? +\| (\d+\.\d+\.\d+) +\| (\d+\.\d+\.\d+) +\|/gm),
    ];
    expect(rows.length).toBeGreaterThan(5);
    const isBefore = (a: string, b: string) => a.localeCompare(b, "en", { numeric: true }) < 0;
    for (const [, name, listed, mended] of rows) {
      const versions = packages
        .filter(([path]) => path.endsWith(`node_modules/${name}`))
        .map(([, one]) => one.version);
      expect(versions, name).toEqual([listed]);
      expect(
        versions.filter((version) => isBefore(version, mended!)),
        name,
      ).toEqual([]);
    }
  });

  it("needed to run are licensed freely, and the list of licences is current", async () => {
    const free = /^(MIT|ISC|0BSD|BSD-[23]-Clause|Apache-2\.0|SEE LICENSE IN LICENSE\.txt)$/;
    expect(named(({ dev, license }) => !dev && !free.test(license ?? ""))).toEqual([]);
    const { licencePage } = (await import(pathToFileURL(here("scripts/licences.mjs")).href)) as {
      licencePage(lock: unknown): string;
    };
    expect(readFileSync(here("docs/licences.md"), "utf8")).toBe(licencePage(lock));
  });
});

it("scripts reach no network but through npm and apt; one asks the viewer that it has started on this machine", () => {
  const scripts = readdirSync(here("scripts")).map((name) => readFileSync(here(`scripts/${name}`), "utf8"));
  const elsewhere = scripts.map((text) => text.replace(/fetch\(`\$\{viewer\.url\}/g, ""));
  expect(elsewhere.filter((text) => /\bfetch\(|node:https?"|\b(curl|wget)\b/.test(text))).toEqual([]);
});
