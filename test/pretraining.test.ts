import { cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readRun } from "../src/training/run-directory.js";
import { readSafetensors } from "../src/training/safetensors.js";
import { train } from "../src/training/train.js";
import { type Outcome, penumbra } from "./command-line.js";
import { madeUpSet, TINY, tinyArguments } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-pretraining-"));
const data = join(dir, "data");
const pretrained = join(dir, "densecl");
const small = ["densecl.iterations=3", "densecl.queue=8", "densecl.size=4", "optimizer.learningRate=1e-20"];
const still = [...TINY, ...small];
let outcome: Outcome;
const weightsOf = (run: string) => readSafetensors(join(run, "model.safetensors")).tensors;

beforeAll(async () => {
  await madeUpSet(data, { labeled: 0, unlabeled: 3 });
  const settings = tinyArguments(...small.slice(0, 3));
  outcome = await penumbra("train", "--data", data, "--method", "densecl", "--out", pretrained, ...settings);
}, 300_000);
afterAll(() => rmSync(dir, { recursive: true }));

it("needs no label and leaves the encoder alone, which is exported", async () => {
  const exported = join(dir, "encoder.safetensors");
  expect(outcome).toMatchObject({ code: 0 });
  expect(outcome.stderr).toContain(
    `next: penumbra train --init ${pretrained} --data ${data} --method METHOD`,
  );
  const names = [...weightsOf(pretrained).keys()];
  expect(names).toContain("network.block_five.conv.0.weight");
  expect((await penumbra("export", "--run", pretrained, "--out", exported)).code).toBe(0);
  expect([...readSafetensors(exported).tensors].map(([name]) => `network.${name}`).sort()).toEqual(
    names.sort(),
  );
  expect(names.every((name) => /^network\.block_(one|two|three|four|five)(_dw)?\./.test(name))).toBe(true);
});

it("is where other methods start from, the rest of their networks as they are drawn", async () => {
  const labeled = await madeUpSet(join(dir, "labeled"));
  const run = await train({
    data: labeled,
    out: join(dir, "start"),
    method: "supervised",
    init: pretrained,
    set: still,
  });
  const bare = await train({ data: labeled, out: join(dir, "bare"), method: "supervised", set: still });
  const [encoder, started, drawn] = [pretrained, run, bare].map(weightsOf) as [
    ReturnType<typeof weightsOf>,
    ReturnType<typeof weightsOf>,
    ReturnType<typeof weightsOf>,
  ];
  const weights = [...started.keys()].filter((name) => name.endsWith("weight"));
  for (const name of weights) {
    const expected = encoder.get(name) ?? drawn.get(name)!;
    expect(started.get(name)!.data, name).toEqual(expected.data);
    if (encoder.has(name) && name.includes("conv.0"))
      expect(expected.data).not.toEqual(drawn.get(name)!.data);
  }
  const other = join(dir, "other");
  const filters = { data: labeled, out: other, init: pretrained, set: [...still, "model.filters=1"] };
  await expect(train(filters)).rejects.toMatchObject({
    code: "bad-input",
    message: expect.stringMatching(
      /^--init: "block_one\.conv\.0\.weight" is \[2,1,3,3,3\] there but \[1,1,3,3,3\] here/,
    ),
  });
  expect(existsSync(other)).toBe(false);
}, 300_000);

it("is needed until the last stage has begun, wherever the run is resumed from", async () => {
  const labeled = join(dir, "labeled");
  const lent = join(dir, "lent");
  cpSync(pretrained, lent, { recursive: true });
  const stop = new AbortController();
  const run = join(dir, "lent-start");
  const set = [...still, `init=${relative(process.cwd(), lent)}`];
  const begun = train({
    data: labeled,
    out: run,
    method: "supervised",
    set,
    signal: stop.signal,
    onIteration: () => stop.abort(),
  });
  await expect(begun).rejects.toMatchObject({ code: "interrupted" });
  expect(readRun(run).config.init).toBe(lent);
  rmSync(lent, { recursive: true });
  await train({ resume: run });
  expect([...weightsOf(run)]).toEqual([...weightsOf(join(dir, "start"))]);
}, 300_000);

it.each([
  ["evaluate", ["--run", pretrained, "--data", data], "segments nothing; start a method from it"],
  [
    "train",
    ["--data", data, "--out", join(dir, "x"), "--init", dir, "--method", "densecl", ...tinyArguments()],
    "it has no model.safetensors",
  ],
  [
    "compare",
    ["--data", data, "--out", join(dir, "y"), "--methods", "densecl"],
    '"densecl" segments nothing to compare',
  ],
])("%s says what can't be done with it", async (command, args, text) => {
  const { code, stderr } = await penumbra(command, ...args);
  expect(stderr).toContain(text);
  expect(code).toBe(2);
  expect([join(dir, "x"), join(dir, "y")].filter(existsSync)).toEqual([]);
});

it("a start that is not there is said before any scan is read", async () => {
  const unread = await madeUpSet(join(dir, "unread"));
  writeFileSync(join(unread, "imagesTr/tr0.nii.gz"), "no scan");
  const args = ["--data", unread, "--out", join(dir, "z"), "--method", "supervised"];
  const { code, stderr } = await penumbra("train", ...args, ...tinyArguments(`init=${dir}`));
  expect(stderr).toContain(`--init ${dir}: it has no model.safetensors`);
  expect(code).toBe(2);
});
