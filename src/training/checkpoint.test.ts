import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fromArray } from "../engine/make-tensor.js";
import { scope } from "../engine/scope.js";
import type { Tensor } from "../engine/tensor.js";
import { PenumbraError } from "../errors.js";
import { sha256OfFile } from "../files/checksum.js";
import { type Checkpoint, loadCheckpoint, readState, saveCheckpoint, writeState } from "./checkpoint.js";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "penumbra-checkpoint-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const checkpoint = (total: number): Checkpoint => ({
  position: { stage: "stage1", iteration: total, total },
  stageEnds: false,
  skips: { total: 3, inRow: 1 },
  state: new Map<string, Tensor>([
    ["a.weight", fromArray(Float32Array.of(total, -0, 3e38, 1e-42), [2, 2])],
    ["count", fromArray(BigInt64Array.of(2n ** 62n + 1n), [])],
    ["generator.cpu", fromArray(Uint8Array.of(1, 255), [2])],
  ]),
});
const save = (total: number, keep = 10) => scope(() => saveCheckpoint(dir, checkpoint(total), keep));
const file = (total: number, ending: string) =>
  join(dir, `checkpoint-${String(total).padStart(7, "0")}.${ending}`);
function load(): { found: Checkpoint | null; warnings: string[] } {
  const warnings: string[] = [];
  const found = loadCheckpoint(dir, "cpu", (line) => warnings.push(line));
  return { found, warnings };
}

/** Inverts one bit in the middle of a file. */
function damage(path: string): void {
  const bytes = readFileSync(path);
  bytes[bytes.length - 3]! ^= 1;
  writeFileSync(path, bytes);
}

describe("a checkpoint", () => {
  it("comes back bit for bit, every type as it was", () => {
    save(12);
    const { found, warnings } = load();
    expect(warnings).toEqual([]);
    expect(found!.position).toEqual({ stage: "stage1", iteration: 12, total: 12 });
    const expected = checkpoint(12).state;
    expect([...found!.state.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, x] of expected) {
      const back = found!.state.get(name)!;
      expect([back.dtype, back.shape], name).toEqual([x.dtype, x.shape]);
    }
    const bits = (x: Tensor) => Buffer.from(x.toFloat32Array().buffer).toString("hex");
    expect(bits(found!.state.get("a.weight")!)).toBe(bits(expected.get("a.weight")!));
    expect(found!.state.get("count")!.toBigInt64Array()).toEqual(BigInt64Array.of(2n ** 62n + 1n));
    expect(found!.state.get("generator.cpu")!.toUint8Array()).toEqual(Uint8Array.of(1, 255));
  });

  it("is the newest of those there; only so many are kept", () => {
    for (const total of [2, 10, 8, 12_345_678]) save(total, 3);
    expect(load().found!.position.total).toBe(12_345_678);
    expect(readdirSync(dir).sort()).toEqual(
      [8, 10, 12_345_678]
        .flatMap((n) => ["json", "safetensors"].map((e) => file(n, e).slice(dir.length + 1)))
        .sort(),
    );
  });

  it("at the end of a stage is kept beside the newest", () => {
    const end = { ...checkpoint(3), stageEnds: true };
    for (const made of [checkpoint(1), checkpoint(2), end, checkpoint(4), checkpoint(5), checkpoint(6)])
      scope(() => saveCheckpoint(dir, made, 2));
    const kept = readdirSync(dir).filter((name) => name.endsWith(".safetensors"));
    expect(kept.sort()).toEqual([3, 5, 6].map((n) => file(n, "safetensors").slice(dir.length + 1)));
  });

  it("brings back its place and its skips", () => {
    save(12);
    const { position, stageEnds, skips } = checkpoint(12);
    expect(load().found).toMatchObject({ position, stageEnds, skips });
  });

  it.each([Number.NaN, Number.NEGATIVE_INFINITY])("is not written of a state that holds %d", (value) => {
    save(2);
    const state = new Map([
      ["method.a", fromArray(Float32Array.of(1), [1])],
      ["method.b", fromArray(Float32Array.of(1, value), [2])],
    ]);
    expect(() => saveCheckpoint(dir, { ...checkpoint(4), state }, 1)).toThrow(
      'stage1, iteration 4: "method.b" is no longer finite, so no checkpoint is written',
    );
    expect(load().found!.position.total).toBe(2);
    expect(readdirSync(dir)).toHaveLength(2);
  });

  it("of a version whose tensor files said nothing of their place is read by its manifest", () => {
    scope(() => writeState(file(8, "safetensors"), checkpoint(8).state));
    const sha256 = sha256OfFile(file(8, "safetensors"));
    const manifest = { format: 1, stage: "stage1", iteration: 8, total: 8, tensors: "", sha256 };
    writeFileSync(file(8, "json"), JSON.stringify(manifest));
    expect(load().found).toMatchObject({ position: checkpoint(8).position, skips: { total: 0, inRow: 0 } });
  });

  it("may be written over by one of the same number", () => {
    save(4);
    scope(() => saveCheckpoint(dir, { ...checkpoint(4), state: new Map(checkpoint(7).state) }, 2));
    expect(load().found!.state.get("a.weight")!.toFloat32Array()[0]).toBe(7);
  });

  it("is null where there is none, or no directory", () => {
    expect(load().found).toBeNull();
    expect(loadCheckpoint(join(dir, "nowhere"), "cpu", () => {})).toBeNull();
  });
});

describe("a damaged checkpoint", () => {
  const harm: [string, (total: number) => void][] = [
    ["a bit flipped in its tensors", (n) => damage(file(n, "safetensors"))],
    ["tensors cut short", (n) => truncateSync(file(n, "safetensors"), 40)],
    ["empty tensors", (n) => truncateSync(file(n, "safetensors"), 0)],
    ["no tensors", (n) => rmSync(file(n, "safetensors"))],
    ["a manifest cut short", (n) => truncateSync(file(n, "json"), 30)],
    ["an empty manifest", (n) => truncateSync(file(n, "json"), 0)],
    ["a manifest of something else", (n) => writeFileSync(file(n, "json"), "null")],
    [
      "another format",
      (n) => {
        const manifest = JSON.parse(readFileSync(file(n, "json"), "utf8"));
        writeFileSync(file(n, "json"), JSON.stringify({ ...manifest, format: 2 }));
      },
    ],
  ];

  it.each(harm)("with %s: the one before it is used, and a warning names it", (_, hurt) => {
    save(2);
    save(4);
    hurt(4);
    const { found, warnings } = load();
    expect(found!.position.total).toBe(2);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(file(4, "json"));
  });

  it.each(harm)("with %s, and no other: an error says what to do", (_, hurt) => {
    save(2);
    save(4);
    hurt(2);
    hurt(4);
    expect(load).toThrow(PenumbraError);
    expect(load).toThrow(`${dir}: all 2 checkpoints are damaged`);
  });

  it("is none whose tensors find no room on a device: what that says is said", () => {
    save(2);
    const warnings: string[] = [];
    const onNoDevice = () => loadCheckpoint(dir, "cuda:99", (line) => warnings.push(line));
    expect(onNoDevice).toThrow();
    expect(onNoDevice).not.toThrow(/damaged/);
    expect(warnings).toEqual([]);
  });

  it("does not push out a whole one that is saved after it", () => {
    save(4, 2);
    save(6, 2);
    damage(file(6, "safetensors"));
    save(5, 1); // resumed from 4 and stopped again
    expect(load().found!.position.total).toBe(5);
    save(7, 1);
    expect(readdirSync(dir)).toHaveLength(2);
  });
});

describe("a crash while saving", () => {
  it("between tensors and manifest leaves the checkpoint before", () => {
    save(2);
    scope(() => writeState(file(4, "safetensors"), checkpoint(4).state));
    const { found, warnings } = load();
    expect([found!.position.total, warnings]).toEqual([2, []]);
    save(6, 1); // and its remains are cleared away in time
    expect(readdirSync(dir)).toHaveLength(2);
    rmSync(file(6, "json"));
    save(4);
    expect(load().found!.position.total).toBe(4);
  });

  it("in the middle of a file leaves only a temporary one", () => {
    save(2);
    writeFileSync(join(dir, ".checkpoint-0000004.json.tmp"), '{"format":');
    writeFileSync(join(dir, ".checkpoint-0000004.safetensors.tmp"), "half");
    expect(load().found!.position.total).toBe(2);
    save(4, 1);
    expect(load().found!.position.total).toBe(4);
  });
});

describe("a state", () => {
  it("is read from its file; a damaged one is bad input that names it", () => {
    const path = join(dir, "model.safetensors");
    scope(() => writeState(path, checkpoint(1).state));
    expect([...readState(path, "cpu").keys()]).toContain("count");
    truncateSync(path, 20);
    expect(() => readState(path, "cpu")).toThrow(PenumbraError);
    expect(() => readState(path, "cpu")).toThrow(path);
  });
});
