import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "vitest";
import { penumbra } from "./command-line.js";
import { madeUpSet, tinyArguments } from "./made-up-data.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-privacy-"));
const [data, run] = [join(dir, "data"), join(dir, "run")];
const PATIENT = "DOE^JANE";
/** Text fields of a NIfTI-1 header, which scanners and converters fill with names: data_type, db_name, descrip, aux_file, intent_name. */
const FIELDS = [4, 14, 148, 228, 328];
const VOXELS_AT = 352;

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
const contentOf = (path: string): Buffer =>
  path.endsWith(".gz") ? gunzipSync(readFileSync(path)) : readFileSync(path);

/** Puts the name into every text field, and into an extension between header and voxels. */
function nameThePatient(path: string): void {
  const bytes = gunzipSync(readFileSync(path));
  for (const field of FIELDS) bytes.write(PATIENT, field, "latin1");
  const extension = Buffer.alloc(64);
  extension.writeInt32LE(extension.length, 0);
  extension.writeInt32LE(2, 4); // code 2: DICOM attributes
  extension.write(PATIENT, 8, "latin1");
  bytes[348] = 1; // extensions follow
  bytes.writeFloatLE(VOXELS_AT + extension.length, 108);
  writeFileSync(
    path,
    gzipSync(Buffer.concat([bytes.subarray(0, VOXELS_AT), extension, bytes.subarray(VOXELS_AT)])),
  );
}

let said = "";
const command = async (...args: string[]) => {
  const { code, stdout, stderr } = await penumbra(...args, "--debug");
  said += stdout + stderr;
  return code;
};

beforeAll(async () => {
  await madeUpSet(data);
  for (const path of filesOf(data)) if (path.endsWith(".gz")) nameThePatient(path);
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true }));

it("what a scan's header says about its patient goes nowhere: no log, report, result or message", async () => {
  const image = join(data, "imagesTs/te0.nii.gz");
  expect(contentOf(image).includes(PATIENT)).toBe(true);
  expect(
    await command("train", "--data", data, "--out", run, "--method", "supervised", ...tinyArguments()),
  ).toBe(0);
  expect(await command("evaluate", "--run", run, "--data", data)).toBe(0);
  const results = ["--probabilities", "--uncertainty"];
  expect(await command("predict", image, "--run", run, "--out", join(dir, "out"), ...results)).toBe(0);
  const damaged = join(dir, "damaged.nii.gz");
  writeFileSync(damaged, gzipSync(contentOf(image).subarray(0, 4000)));
  expect(await command("predict", damaged, "--run", run, "--out", join(dir, "out"))).toBe(2);
  const made = [...filesOf(run), ...filesOf(join(dir, "out"))];
  expect(made.length).toBeGreaterThan(10);
  expect(made.filter((path) => contentOf(path).includes(PATIENT) || path.includes(PATIENT))).toEqual([]);
  expect(said).toContain("damaged.nii.gz");
  expect(said).not.toContain(PATIENT);
}, 120_000);
