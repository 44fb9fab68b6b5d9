import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { encodeFile, newUid } from "#dist/volume/dicom-encode.js";
import type { Grid, Triple } from "#dist/volume/volume.js";
import { encodeNifti } from "#dist/volume/write-nifti.js";
import { encodeNrrdHeader } from "#dist/volume/write-nrrd.js";
import { voxelBytes, type WrittenVoxels } from "#dist/volume/written-voxels.js";
import { median } from "./measure.js";

const SPACING_MM: Triple = [1, 0.7, 0.7];
const CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2";

/** HU of a body in air with noise as a scanner's, which packs as badly. */
function madeUpCt([depth, height, width]: Triple): Int16Array {
  const hu = new Int16Array(depth * height * width);
  let state = 1;
  for (let i = 0; i < hu.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const [y, x] = [Math.floor(i / width) % height, i % width];
    const inside = Math.hypot((x - width / 2) / width, (y - height / 2) / height) < 0.4;
    hu[i] = (inside ? 40 : -1000) + ((state >>> 24) % 41) - 20;
  }
  return hu;
}

function putSeries(dir: string, hu: Int16Array, [depth, height, width]: Triple): void {
  mkdirSync(dir);
  const seriesUid = newUid();
  const size = height * width;
  for (let slice = 0; slice < depth; slice++) {
    const pixels = hu.slice(slice * size, (slice + 1) * size);
    const bytes = encodeFile({
      SOPClassUID: CT_STORAGE,
      SOPInstanceUID: newUid(),
      Modality: "CT",
      SeriesInstanceUID: seriesUid,
      ImagePositionPatient: [0, 0, slice * SPACING_MM[0]],
      ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
      PixelSpacing: [SPACING_MM[1], SPACING_MM[2]],
      SamplesPerPixel: 1,
      PhotometricInterpretation: "MONOCHROME2",
      Rows: height,
      Columns: width,
      BitsAllocated: 16,
      BitsStored: 16,
      HighBit: 15,
      PixelRepresentation: 1,
      RescaleSlope: 1,
      RescaleIntercept: 0,
      PixelData: new Uint8Array(pixels.buffer),
    });
    writeFileSync(join(dir, `${slice}.dcm`), bytes);
  }
}

/** Writes the scan in every format; returns their paths by name. */
function putScans(dir: string, shape: Triple): Record<string, string> {
  const hu = madeUpCt(shape);
  const affine = [-SPACING_MM[2], 0, 0, 0, 0, -SPACING_MM[1], 0, 0, 0, 0, SPACING_MM[0], 0, 0, 0, 0, 1];
  const grid: Grid = { shape, spacingMm: SPACING_MM, affine };
  const voxels: WrittenVoxels = { type: "i16", data: hu, slope: 1 };
  const at = (name: string) => join(dir, name);
  const nifti = encodeNifti(at("scan.nii"), grid, voxels);
  const packed = gzipSync(voxelBytes(voxels), { level: 1 });
  writeFileSync(at("scan.nii"), nifti);
  writeFileSync(at("scan.nii.gz"), gzipSync(nifti, { level: 1 }));
  writeFileSync(at("scan.nrrd"), Buffer.concat([encodeNrrdHeader(grid, voxels), packed]));
  putSeries(at("series"), hu, shape);
  return {
    nii: at("scan.nii"),
    "nii.gz": at("scan.nii.gz"),
    "nrrd (gzip)": at("scan.nrrd"),
    DICOM: at("series"),
  };
}

/** Seconds and peak memory (GB) of reading a made-up CT, each format in a process of its own. */
export function benchReadScan({ shape, repeats }: { shape: Triple; repeats: number }) {
  const dir = mkdtempSync(join(tmpdir(), "penumbra-bench-"));
  try {
    const figures: Record<string, number> = { megabytes: (shape[0] * shape[1] * shape[2] * 2) / 1e6 };
    const once = fileURLToPath(new URL("./read-scan-once.js", import.meta.url));
    for (const [name, path] of Object.entries(putScans(dir, shape))) {
      const runs = Array.from({ length: repeats }, () =>
        JSON.parse(execFileSync(process.execPath, [once, path], { encoding: "utf8" })),
      ) as { seconds: number; peakGb: number }[];
      figures[`${name} seconds`] = median(runs.map(({ seconds }) => seconds));
      figures[`${name} peak GB`] = median(runs.map(({ peakGb }) => peakGb));
    }
    return figures;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
