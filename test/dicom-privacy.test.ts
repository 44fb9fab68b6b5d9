import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CaseTable } from "../src/viewer/api.js";
import { startViewer } from "../src/viewer/server.js";
import { openDicomFrames } from "../src/volume/dicom.js";
import { bytesOf, pixelsOf, putSeries } from "../src/volume/made-up-dicom.testing.js";
import { readVolume } from "../src/volume/read.js";
import { voxelCount } from "../src/volume/volume.js";
import { writeSegmentation } from "../src/volume/write-dicom-seg.js";
import { penumbra } from "./command-line.js";
import { tinyArguments } from "./made-up-data.js";

/** What says who the patient is, or leads to them: DICOM PS3.15, table E.1-1. */
const PATIENT = {
  PatientName: "DOE^JANE^QUERIDA",
  PatientID: "PID-4711",
  PatientBirthDate: "19010203",
  ReferringPhysicianName: "ROE^RICHARD",
  AccessionNumber: "ACC-7788",
  StudyID: "STUDY-5566",
  StudyInstanceUID: "1.2.840.99999.1.77",
  SeriesInstanceUID: "1.2.840.99999.2.77",
  FrameOfReferenceUID: "1.2.840.99999.3.77",
  SOPInstanceUID: "1.2.840.99999.4.77",
};
const NEVER_COPIED = {
  SeriesDescription: "for doctor ROE",
  DeviceSerialNumber: "SERIAL-31",
  ManufacturerModelName: "SCANNER-OF-WARD-9",
};
const TOLD = Object.values({ ...PATIENT, ...NEVER_COPIED });

const dir = mkdtempSync(join(tmpdir(), "penumbra-dicom-privacy-"));
const at = (...names: string[]) => join(dir, ...names);
const [data, run, out, cache] = [at("shown/data"), at("shown/run"), at("out"), at("cache")];
let said = "";

async function command(...args: string[]): Promise<number> {
  const { code, stdout, stderr } = await penumbra(...args, "--debug");
  said += stdout + stderr;
  return code;
}

/** A series named after nobody, with all of that in its headers, and its segmentation. */
async function putCase(id: string, seed: number): Promise<{ image: string; label: string }> {
  const image = putSeries(join(data, "scans", id), {
    slices: 16,
    change: (slice, dataset) => ({
      ...dataset,
      ...PATIENT,
      ...NEVER_COPIED,
      SOPInstanceUID: `${PATIENT.SOPInstanceUID}.${slice}`,
      PixelData: bytesOf(pixelsOf(slice).map((value) => value + 7 * ((value * seed) % 5))),
    }),
  });
  const { grid } = await readVolume(image);
  const labels = Uint8Array.from({ length: voxelCount(grid.shape) }, (_, i) => (i % 5 === 0 ? 1 : 0));
  const source = { frames: await openDicomFrames(image), classNames: ["background", "ball"] };
  await writeSegmentation(join(data, `${id}.dcm`), { kind: "BINARY", labels }, source, 2.5);
  return { image: `scans/${id}`, label: `${id}.dcm` };
}

beforeAll(async () => {
  mkdirSync(data, { recursive: true });
  const training = [await putCase("tr0", 1), await putCase("tr1", 2)];
  const list = { labels: { 0: "background", 1: "ball" }, training, test: [await putCase("te0", 3)] };
  writeFileSync(join(data, "dataset.json"), JSON.stringify(list));
});
afterAll(() => rmSync(dir, { recursive: true }));

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
const contentOf = (path: string): Buffer =>
  path.endsWith(".gz") ? gunzipSync(readFileSync(path)) : readFileSync(path);
const tells = (content: Buffer | string): string[] => TOLD.filter((text) => content.includes(text));

describe("what a DICOM file says of its patient", () => {
  it("is in no log, report, result, file name, message or kept case", async () => {
    const scan = join(data, "scans/te0");
    expect(tells(readFileSync(join(scan, readdirSync(scan)[0]!)))).toEqual(TOLD);
    const given = ["--data", data, "--method", "supervised", "--cache", cache, ...tinyArguments()];
    expect(await command("train", ...given, "--out", run), said).toBe(0);
    expect(await command("evaluate", "--run", run, "--data", data), said).toBe(0);
    const asked = ["--run", run, "--out", out, "--probabilities", "--uncertainty", "--format", "nifti"];
    expect(await command("predict", scan, ...asked), said).toBe(0);
    expect(await command("fingerprint", "--data", data, "--cache", cache)).toBe(0);
    for (const more of [[], ["--json"]]) expect(await command("inspect", scan, ...more)).toBe(0);
    const made = [run, out, cache].flatMap(filesOf);
    expect(made.length).toBeGreaterThan(15);
    expect(made.filter((path) => tells(contentOf(path)).length > 0 || tells(path).length > 0)).toEqual([]);
    expect(tells(said)).toEqual([]);
  }, 60_000);

  it("is in no refusal", async () => {
    const whole = readFileSync(join(data, "scans/te0", "IM001"));
    mkdirSync(at("bad"));
    const spoilt: Record<string, Buffer> = {
      "cut.dcm": whole.subarray(0, 700),
      "syntax.dcm": Buffer.from(
        whole.toString("latin1").replace("1.2.840.10008.1.2.1\0", "1.2.840.10008.1.2.7\0"),
        "latin1",
      ),
      "named.nrrd": Buffer.from(`NRRD0004\ntype: short\n${PATIENT.PatientName}\n\n`),
      "named.mha": Buffer.from(`NDims = 3\n${PATIENT.PatientName}\nElementDataFile = LOCAL\n`),
    };
    for (const [name, bytes] of Object.entries(spoilt)) {
      writeFileSync(at("bad", name), bytes);
      expect(await command("inspect", at("bad", name)), name).toBe(2);
    }
    putSeries(at("two"), {
      slices: 2,
      change: (_, dataset) => ({ ...dataset, ...PATIENT, SeriesInstanceUID: "1.2.840.99999.2.77" }),
    });
    putSeries(at("two"), {
      slices: 2,
      prefix: "B",
      change: (_, dataset) => ({ ...dataset, ...PATIENT, SeriesInstanceUID: "1.2.840.99999.2.77.8" }),
    });
    expect(await command("inspect", at("two"))).toBe(2);
    expect(said).toMatch(/holds 2 DICOM series: 2 files like/);
    expect(tells(said)).toEqual([]);
  });

  it("is in no answer of the viewer, nor in what it makes of a scan", async () => {
    const viewer = await startViewer({ dir: at("shown"), port: 0 });
    try {
      const get = async (path: string) => {
        const answer = await fetch(viewer.url + path);
        return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
      };
      const api = ["overview", "runs/run", "runs/run/cases", "data/data/cases"].map((path) => `api/${path}`);
      const answers = await Promise.all(api.map(get));
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
      const table = JSON.parse(answers[3]!.body.toString()) as CaseTable;
      expect(JSON.stringify(table)).toContain("te0");
      const scans = ["te0.dcm", "scans/te0", "scans/te0/IM001"];
      for (const kind of ["volumes", "files"])
        for (const scan of scans) answers.push(await get(`${kind}/data/data/${scan}`));
      expect(answers.flatMap(({ body }) => tells(body))).toEqual([]);
    } finally {
      await viewer.close();
    }
  });

  it("is in a DICOM segmentation as far as the standard ties one to its patient and study, no further", async () => {
    const seg = at("seg");
    const asked = ["--run", run, "--out", seg, "--format", "dicom-seg"];
    expect(await command("predict", join(data, "scans/te0"), ...asked), said).toBe(0);
    expect(readdirSync(seg)).toEqual(["te0.dcm"]);
    const bytes = readFileSync(join(seg, "te0.dcm"));
    expect(Object.values(PATIENT).filter((text) => !bytes.includes(text))).toEqual([]);
    expect(Object.values(NEVER_COPIED).filter((text) => bytes.includes(text))).toEqual([]);
    expect(tells(said)).toEqual([]);
    expect(existsSync(at("seg", "te0.nii.gz"))).toBe(false);
  });
});
