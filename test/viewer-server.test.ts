import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { format } from "node:util";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { CaseTable, Overview } from "../src/viewer/api.js";
import { startViewer, type Viewer } from "../src/viewer/server.js";
import { toAxisOrder } from "../src/volume/orientation.js";
import { readLabelMap, readVolume } from "../src/volume/read.js";
import { writeLabelMap } from "../src/volume/write.js";
import { logLine, type ViewerFixture, viewerFixture } from "./viewer-fixture.js";

let fixture: ViewerFixture;
let viewer: Viewer;
const base = mkdtempSync(join(tmpdir(), "penumbra-viewer-"));
beforeAll(async () => {
  fixture = await viewerFixture(join(base, "shown"));
  writeFileSync(join(base, "secret.json"), "{}");
  symlinkSync(join(base, "secret.json"), join(fixture.run, "link.json"));
  symlinkSync(join(base), join(fixture.data, "up"));
  viewer = await startViewer({ dir: fixture.root, port: 0 });
});
afterAll(async () => {
  await viewer.close();
  rmSync(base, { recursive: true });
});

const get = (path: string, headers: Record<string, string> = {}) => fetch(viewer.url + path, { headers });

/** A request as it is, without a client that tidies the path or the Host header. */
function raw(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<number> {
  const { hostname, port } = new URL(viewer.url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, method, headers }, (answer) => {
      answer.resume();
      resolve(answer.statusCode!);
    })
      .on("error", reject)
      .end();
  });
}
const tokenPath = () => new URL(viewer.url).pathname;

describe("access", () => {
  it("listens on the loopback address only, with a token of at least 128 bits", () => {
    const { hostname, pathname } = new URL(viewer.url);
    expect(hostname).toBe("127.0.0.1");
    expect(Buffer.from(pathname.split("/")[1]!, "base64url").length).toBeGreaterThanOrEqual(16);
  });

  it.each(["/", "/api/overview", "/wrong/", "/wrong/api/overview", "/?token=wrong"])(
    "refuses %s without the token",
    async (path) => {
      expect(await raw(path)).toBe(403);
    },
  );

  it("refuses other host names and pages of other sites", async () => {
    expect(await raw(`${tokenPath()}api/overview`, { Host: "evil.example" })).toBe(403);
    expect(await raw(`${tokenPath()}api/overview`, { Origin: "http://evil.example" })).toBe(403);
    expect(await raw(`${tokenPath()}api/runs/made-up/ranking`, { Origin: "null" }, "POST")).toBe(403);
    const { port } = new URL(viewer.url);
    expect(await raw(`${tokenPath()}api/overview`, { Host: `localhost:${port}` })).toBe(200);
  });

  it.each([
    "files/run/made-up/../../../secret.json",
    "files/run/made-up/..%2f..%2fsecret.json",
    "files/run/made-up/%2e%2e/%2e%2e/secret.json",
    "files/run/made-up/..%5c..%5csecret.json",
    "files/run/made-up/link.json",
    "volumes/data/data/up/secret.json",
    "volumes/data/data/..%2f..%2fsecret.nii",
    "files/run/made-up/model.safetensors",
    "files/run/made-up//etc/passwd",
    "assets/..%2findex.html",
  ])("does not hand out %s", async (path) => {
    expect([403, 404]).toContain(await raw(tokenPath() + path));
  });

  it("answers 404 for what is not there, and 422 with one line for what can't be read", async () => {
    expect((await get("files/run/made-up/none.json")).status).toBe(404);
    expect((await get("api/runs/none")).status).toBe(404);
    const noCase = await get("api/data/data/cases/none");
    expect(noCase.status).toBe(404);
    expect(await noCase.text()).toMatch(/: no case none\n$/);
    writeFileSync(join(fixture.run, "damaged.nii.gz"), "no gzip");
    const answer = await get("volumes/run/made-up/damaged.nii.gz");
    expect(answer.status).toBe(422);
    expect(await answer.text()).toMatch(/damaged\.nii\.gz: only [78] bytes.*\n$/);
  });
});

describe("what is served", () => {
  it("breaks off where a scan is damaged in its middle, and says so in one line", async () => {
    const whole = readFileSync(join(fixture.data, "imagesTs/te0.nii.gz"));
    const path = join(fixture.run, "half.nii.gz");
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    const said = vi.spyOn(console, "error").mockImplementation(() => {});
    const sent = get("volumes/run/made-up/half.nii.gz").then((answer) => answer.arrayBuffer());
    await expect(sent).rejects.toThrow();
    await vi.waitUntil(() => said.mock.calls.length > 0);
    expect(said.mock.calls.map((values) => format(...values))).toEqual([
      `penumbra view: ${path}: unexpected end of file; damaged or cut short`,
    ]);
    said.mockRestore();
  });

  it("shows a run's cases where run and data were copied elsewhere together", async () => {
    const moved = join(base, "moved");
    cpSync(fixture.run, join(moved, "run"), { recursive: true, verbatimSymlinks: true });
    for (const part of ["dataset.json", "imagesTr", "imagesTs", "labelsTr", "labelsTs"])
      cpSync(join(fixture.data, part), join(moved, "set", part), { recursive: true });
    const path = join(moved, "run", "run.json");
    const record = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(path, JSON.stringify({ ...record, data: "/server/set" }));
    const other = await startViewer({ dir: moved, port: 0 });
    const { runs } = (await (await fetch(`${other.url}api/overview`)).json()) as Overview;
    expect(runs).toMatchObject([{ id: "run", data: "set", problem: null }]);
    const table = (await (await fetch(`${other.url}api/runs/run/cases`)).json()) as CaseTable;
    expect(table.rows).toHaveLength(6);
    rmSync(join(moved, "set", "imagesTr", "tr0.nii.gz"));
    await other.close();
    const third = await startViewer({ dir: moved, port: 0 });
    const without = (await (await fetch(`${third.url}api/overview`)).json()) as Overview;
    expect(without.runs).toMatchObject([{ data: null, problem: expect.stringContaining("/server/set") }]);
    await third.close();
  });

  it("leaves out scores and label maps of other data, whose cases may have the same names", async () => {
    const path = join(fixture.run, "evaluation-test", "scores.json");
    const scores = readFileSync(path, "utf8");
    const te1 = async (data: string) => {
      writeFileSync(path, JSON.stringify({ ...JSON.parse(scores), data }));
      const table = (await (await get("api/runs/made-up/cases")).json()) as CaseTable;
      const { scores: shown, layers } = table.rows.find(({ id }) => id === "te1")!;
      return [shown.length, layers.prediction];
    };
    const map = "volumes/run/made-up/evaluation-test/labels/te1.nii.gz";
    expect(await te1(fixture.data)).toEqual([1, map]);
    expect(await te1(join(base, "shown"))).toEqual([0, null]);
    expect(await te1(join(base, "gone")), "moved since").toEqual([1, map]);
    writeFileSync(path, scores);
  });

  it("lists the run with its data, scores and samples", async () => {
    const overview = (await (await get("api/overview")).json()) as Overview;
    expect(overview.runs).toMatchObject([
      { id: "made-up", state: "finished", data: "data", labeled: 2, unlabeled: 2 },
    ]);
    expect(overview.data).toMatchObject([{ labeled: 2, unlabeled: 2, test: 2, corrected: 0 }]);
    const table = (await (await get("api/runs/made-up/cases")).json()) as CaseTable;
    const te0 = table.rows.find(({ id }) => id === "te0")!;
    expect(te0.layers.samples).toHaveLength(4);
    expect(te0.layers.prediction).toBe("volumes/run/made-up/maps/te0.nii.gz");
    expect(table.rows.find(({ id }) => id === "te1")!.layers.prediction).toBe(
      "volumes/run/made-up/evaluation-test/labels/te1.nii.gz",
    );
    expect(te0.scores[0]!.dice).toBeGreaterThan(0.3);
  });

  it("shows what scores are of: a test case's own label, and whether a correction came after", async () => {
    const drawn = join(fixture.data, "labelsCorrected");
    const scored = join(fixture.run, "evaluation-labeled");
    mkdirSync(drawn);
    mkdirSync(scored);
    const label = readFileSync(join(fixture.data, "labelsTs/te0.nii.gz"));
    for (const id of ["te0", "tr0"]) writeFileSync(join(drawn, `${id}_v2.nii.gz`), label);
    const row = async (id: string) =>
      ((await (await get("api/runs/made-up/cases")).json()) as CaseTable).rows.find((one) => one.id === id)!;
    const te0 = await row("te0");
    expect(te0).toMatchObject({ corrected: 2, scoredBefore: false });
    expect(te0.layers.reference).toBe("volumes/data/data/labelsTs/te0.nii.gz?labelOf=te0");
    expect(te0.layers.correction).toBe("volumes/data/data/labelsCorrected/te0_v2.nii.gz?labelOf=te0");
    expect((await row("te1")).layers.correction).toBeNull();
    const scores = JSON.parse(readFileSync(join(fixture.run, "evaluation-test/scores.json"), "utf8"));
    const tr0 = async (corrected?: string[]) => {
      const cases = [{ ...scores.cases[0], id: "tr0" }];
      const evaluation = { ...scores, split: "labeled", cases, corrected };
      writeFileSync(join(scored, "scores.json"), JSON.stringify(evaluation));
      return row("tr0");
    };
    expect((await tr0()).scoredBefore, "scores that do not say").toBe(false);
    expect((await tr0(["labelsCorrected/tr0_v2.nii.gz"])).scoredBefore).toBe(false);
    const before = await tr0(["labelsCorrected/tr0_v1.nii.gz"]);
    expect(before).toMatchObject({ scoredBefore: true, corrected: 2 });
    expect(before.layers.reference).toBe(before.layers.correction);
    for (const dir of [drawn, scored]) rmSync(dir, { recursive: true });
  });

  it("sends a volume unpacked, and the parts of a file that are asked for", async () => {
    const path = join(fixture.data, "imagesTs", "te0.nii.gz");
    const plain = gunzipSync(readFileSync(path));
    const whole = await get("volumes/data/data/imagesTs/te0.nii.gz");
    expect(Buffer.from(await whole.arrayBuffer()).equals(plain)).toBe(true);
    const log = readFileSync(join(fixture.run, "log.jsonl"));
    const part = await get("files/run/made-up/log.jsonl", { Range: "bytes=10-19" });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe(`bytes 10-19/${log.length}`);
    expect(Buffer.from(await part.arrayBuffer()).equals(log.subarray(10, 20))).toBe(true);
    const tail = await get("files/run/made-up/log.jsonl", { Range: "bytes=-4" });
    expect(Buffer.from(await tail.arrayBuffer()).equals(log.subarray(-4))).toBe(true);
    const beyond = await get("files/run/made-up/log.jsonl", { Range: `bytes=${log.length}-` });
    expect(beyond.status).toBe(416);
    expect(await raw(`${tokenPath()}files/data/data/imagesTs/te0.nii.gz`)).toBe(404); // scans go out as volumes only
  });

  it("lays a label over its image, however its file runs through it", async () => {
    const image = await readVolume(join(fixture.data, "imagesTs/te0.nii.gz"));
    const label = await readLabelMap(join(fixture.data, "labelsTs/te0.nii.gz"));
    const table = async () => (await (await get("api/runs/made-up/cases")).json()) as CaseTable;
    const sent = async () => {
      const { reference } = (await table()).rows.find(({ id }) => id === "te0")!.layers;
      const answer = await get(reference!);
      expect(answer.status).toBe(200);
      writeFileSync(join(base, "sent.nii"), Buffer.from(await answer.arrayBuffer()));
      return readLabelMap(join(base, "sent.nii"));
    };
    const path = join(fixture.data, "labelsTs/te0.nii.gz");
    const scaled = Buffer.from(gunzipSync(readFileSync(path)));
    scaled.writeFloatLE(1 / 255, 112); // scl_slope
    for (let i = 352; i < scaled.length; i++) scaled[i]! *= 255;
    const stored = readFileSync(path);
    const turned = toAxisOrder(label, "RAS");
    expect(turned.data).not.toEqual(label.data);
    await writeLabelMap(path, turned);
    const found = await sent();
    writeFileSync(path, gzipSync(scaled));
    expect((await sent()).data, "stored with a slope").toEqual(label.data);
    writeFileSync(path, stored);
    expect(found.data).toEqual(label.data);
    expect(found.grid.shape).toEqual(image.grid.shape);
    for (const [i, value] of image.grid.affine!.entries())
      expect(found.grid.affine![i]).toBeCloseTo(value, 4);
    expect((await sent()).data).toEqual(label.data);
  });

  it("answers 200 requests at once", { timeout: 120_000 }, async () => {
    const paths = ["", "api/overview", "api/runs/made-up/cases", "volumes/data/data/imagesTs/te0.nii.gz"];
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const answer = await get(paths[i % paths.length]!);
        await answer.arrayBuffer();
        return answer.status;
      }),
    );
    expect(answers.filter((status) => status !== 200)).toEqual([]);
  });
});

/** Events up to the first that `enough` is true of, and the last id. */
async function listen(lastId: string | null, enough: (events: string[]) => boolean) {
  const stop = new AbortController();
  const headers: Record<string, string> = lastId === null ? {} : { "Last-Event-ID": lastId };
  const answer = await fetch(`${viewer.url}api/events?run=made-up`, { headers, signal: stop.signal });
  let text = "";
  for await (const chunk of answer.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (enough(text.split("\n\n"))) break;
  }
  stop.abort();
  const totals = [...text.matchAll(/"total":(\d+)/g)].map(([, total]) => Number(total));
  return { totals, id: [...text.matchAll(/^id: (.+)$/gm)].at(-1)?.[1] ?? null, text };
}

describe("live log", () => {
  const has = (total: number) => (events: string[]) =>
    events.some((event) => event.includes(`"total":${total},`));

  it("sends what is there, then what comes, and after a reconnect only what is new", async () => {
    const first = await listen(null, has(6));
    expect(first.totals).toEqual([1, 2, 3, 4, 5, 6]);
    appendFileSync(join(fixture.run, "log.jsonl"), logLine(7));
    appendFileSync(join(fixture.run, "log.jsonl"), logLine(8).slice(0, 20)); // a line that is being written
    const second = await listen(first.id, has(7));
    expect(second.totals).toEqual([7]);
    appendFileSync(join(fixture.run, "log.jsonl"), logLine(8).slice(20));
    const third = await listen(second.id, has(8));
    expect(third.totals).toEqual([8]);
  });

  it("says so when the log was written anew, as a resumed training does", async () => {
    const before = await listen(null, has(8));
    rmSync(join(fixture.run, "log.jsonl"));
    writeFileSync(join(fixture.run, "log.jsonl"), logLine(1));
    const after = await listen(before.id, has(1));
    expect(after.totals).toEqual([1]);
    expect(after.text).toContain('"anew":true');
  });
});

it("refuses a directory with nothing to show, and one that is not there", async () => {
  const empty = join(base, "empty");
  mkdirSync(empty);
  await expect(startViewer({ dir: empty, port: 0 })).rejects.toThrow(/no run \(run\.json\) and no data/);
  await expect(startViewer({ dir: join(base, "none"), port: 0 })).rejects.toThrow(/no such directory/);
  const { port } = new URL(viewer.url);
  await expect(startViewer({ dir: fixture.root, port: Number(port) })).rejects.toThrow(
    /is taken; name another/,
  );
});
