import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { runDemo } from "./demo.js";

const out = join(mkdtempSync(join(tmpdir(), "penumbra-demo-")), "demo");
afterAll(() => rmSync(join(out, ".."), { recursive: true }));

/** The whole demo at a size at which nothing is learned. */
const tiny = () =>
  runDemo({
    out,
    seed: 3,
    phantoms: { labeled: 1, unlabeled: 1, test: 2, shape: [16, 16, 16] },
    set: [
      "data.patchSize=[16,16,16]",
      "model.filters=2",
      "stage1.iterations=2",
      "prototypes.iterations=1",
      "stage2.iterations=2",
      "supervised.iterations=2",
      "threads=1",
      "data.workers=0",
    ],
  });

it("leaves both runs, a report and a summary that agree with what it returns; again, it replaces them", async () => {
  const { supervised, aua, seconds, report } = await tiny();
  const summary = JSON.parse(readFileSync(join(out, "summary.json"), "utf8"));
  expect(summary).toEqual({ seed: 3, supervised: supervised.mean, aua: aua.mean, seconds });
  expect(aua.cases.map(({ id }) => id)).toEqual(["phantom_002", "phantom_003"]);
  for (const run of ["supervised", "aua"]) expect(existsSync(join(out, run, "model.safetensors"))).toBe(true);
  const html = readFileSync(report, "utf8");
  expect(html).toContain((100 * supervised.mean.dice).toFixed(2));
  expect(html).toContain("1 of 2 training phantoms");
  expect(html.match(/data:image\/png/g)?.length).toBe(2 * 2 * 6); // methods, cases, slices with and without uncertainty

  const again = await tiny();
  expect(again.aua.cases).toEqual(aua.cases);
}, 120_000);
