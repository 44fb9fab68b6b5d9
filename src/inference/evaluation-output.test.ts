import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { complaint } from "../errors.testing.js";
import { EvaluationOutput } from "./evaluation-output.js";

let dir = "";
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-output-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const own = () => EvaluationOutput.at(dir, { replaces: true });
/** Writes an evaluation whose every file holds `text`, of one case. */
function written(text: string, id: string): EvaluationOutput {
  const output = own();
  output.begin();
  for (const part of ["scores.csv", "report.html", "scores.json"] as const)
    writeFileSync(output.path(part), text);
  writeFileSync(output.labelPath(id), text);
  return output;
}
function whole(text: string, id: string): void {
  const output = written(text, id);
  output.finish();
  output.end();
}
const found = () => ({
  names: readdirSync(dir).sort(),
  labels: readdirSync(join(dir, "labels")),
  texts: new Set(
    ["scores.csv", "report.html", "scores.json"].map((name) => readFileSync(join(dir, name), "utf8")),
  ),
});
const holding = (text: string, id: string, ...more: string[]) => ({
  names: ["labels", "report.html", "scores.csv", "scores.json", ...more].sort(),
  labels: [`${id}.nii.gz`],
  texts: new Set([text]),
});

it("replaces all of an earlier evaluation when it is finished, and nothing else", () => {
  whole("first", "a");
  writeFileSync(join(dir, "notes.txt"), "mine");
  const second = written("second", "b");
  expect(readFileSync(join(dir, "scores.json"), "utf8")).toBe("first");
  second.finish();
  second.end();
  expect(found()).toEqual(holding("second", "b", "notes.txt"));
});

it("leaves an earlier one where it ends unfinished", () => {
  whole("first", "a");
  written("second", "b").end();
  expect(found()).toEqual(holding("first", "a"));
});

it("brings back an earlier one after a kill in the middle of the exchange, and clears what was left", () => {
  whole("first", "a");
  written("second", "b"); // killed: its lock is this process's own, so taken away
  rmSync(join(dir, ".lock"));
  mkdirSync(join(dir, ".earlier"));
  for (const part of ["scores.json", "report.html"]) {
    writeFileSync(join(dir, ".earlier", part), "first");
    writeFileSync(join(dir, part), "second");
  }
  const third = own();
  third.begin();
  expect(readdirSync(join(dir, ".unfinished/labels"))).toEqual([]);
  third.end();
  expect(found()).toEqual(holding("first", "a"));
});

it("keeps the earlier one where a part of the new one can't be moved", () => {
  whole("first", "a");
  const second = written("second", "b");
  rmSync(second.path("report.html"));
  expect(complaint(() => second.finish())).toContain(dir);
  second.end();
  expect(found()).toEqual(holding("first", "a"));
});

it("is one process's at a time, and for a named directory a new or empty one", () => {
  const first = own();
  first.begin();
  const second = own();
  expect(complaint(() => second.begin())).toMatch(/in use by process/);
  second.end();
  expect(existsSync(join(dir, ".unfinished"))).toBe(true);
  first.end();
  expect(readdirSync(dir)).toEqual([]);
  expect(() => EvaluationOutput.at(dir, { replaces: false })).not.toThrow();
  expect(existsSync(join(dir, ".unfinished"))).toBe(false);
  writeFileSync(join(dir, "other"), "");
  expect(complaint(() => EvaluationOutput.at(dir, { replaces: false }))).toContain("is not empty");
});
