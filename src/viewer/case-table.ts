import { existsSync, readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { type Correction, readCorrections } from "../data/corrections.js";
import { type CaseFiles, openDataset } from "../data/dataset.js";
import { parseJson } from "../files/json.js";
import { readTextFile } from "../files/text-file.js";
import { RANKING_NAME, type Ranking } from "../inference/rank.js";
import { readRun } from "../training/run-directory.js";
import type { CaseRow, CaseTable, ClassScore, Layers, Split } from "./api.js";
import type { Place } from "./catalogue.js";
import { evaluationsOf, isOfData } from "./run-summary.js";

/** Folder of a run with label maps, uncertainty maps and samples, named as `predict` names them. */
export const MAPS_FOLDER = "maps";

/** Address of a volume below the page's own. */
export const volumeUrl = (kind: "run" | "data", { id }: Place, path: string): string =>
  ["volumes", kind, id, ...path.split(sep)].map(encodeURIComponent).join("/");

/** All cases of a run's data, parted as the run used them, with what there is to see and its scores. */
export async function casesOfRun(run: Place, data: Place): Promise<CaseTable> {
  const { run: record } = readRun(run.dir);
  const dataset = await openDataset(data.dir, { labeledIds: record.labeled });
  const evaluations = evaluationsOf(run.dir, data.dir);
  const found = readRanking(run.dir);
  const ranking = found && isOfData(data.dir, found.data) ? found : null;
  const corrections = await readCorrections(data.dir);
  const maps = mapsIn(run.dir);
  const places = new Map(ranking?.cases.map(({ id, value }, i) => [id, { place: i + 1, value }]));
  const rowsOf = (split: Split) =>
    dataset[split].map((files): CaseRow => {
      const evaluation = evaluations.get(split);
      const scores = evaluation?.cases.filter(({ id }) => id === files.id) ?? [];
      const corrected = corrections.get(files.id);
      return {
        id: files.id,
        split,
        scores: scores.map(({ id: _, ...score }): ClassScore => score),
        rank: split === "unlabeled" ? (places.get(files.id) ?? null) : null,
        corrected: corrected?.version ?? 0,
        scoredBefore: split !== "test" && isLaterThan(corrected, evaluation?.corrected, data),
        layers: layersOf({ files, corrected, split, run, data, maps, isEvaluated: evaluation !== undefined }),
      };
    });
  const [first] = evaluations.values();
  return {
    unit: first?.unit ?? "mm",
    rule: ranking?.rule ?? null,
    rows: [...rowsOf("test"), ...rowsOf("unlabeled"), ...rowsOf("labeled")],
  };
}

/** All cases of a data directory, without any run. */
export async function casesOfData(data: Place): Promise<CaseTable> {
  const dataset = await openDataset(data.dir);
  const corrections = await readCorrections(data.dir);
  const rowsOf = (split: Split) =>
    dataset[split].map((files): CaseRow => {
      const corrected = corrections.get(files.id);
      const nothingOfARun = { run: null, maps: new Set<string>(), isEvaluated: false };
      const layers = layersOf({ files, corrected, split, data, ...nothingOfARun });
      const nothingScored = { scores: [], rank: null, scoredBefore: false };
      return { id: files.id, split, ...nothingScored, corrected: corrected?.version ?? 0, layers };
    });
  return { unit: "mm", rule: null, rows: [...rowsOf("unlabeled"), ...rowsOf("labeled"), ...rowsOf("test")] };
}

/** Whether a correction was made after an evaluation, which says what corrections it knew; an older one does not. */
const isLaterThan = (
  correction: Correction | undefined,
  known: readonly string[] | undefined,
  data: Place,
): boolean =>
  correction !== undefined && known !== undefined && !known.includes(relative(data.dir, correction.path));

interface LayerSources {
  readonly files: CaseFiles;
  readonly corrected: Correction | undefined;
  readonly split: Split;
  readonly run: Place | null;
  readonly data: Place;
  readonly maps: ReadonlySet<string>;
  /** Whether label maps of these very cases lie in the run's evaluation. */
  readonly isEvaluated: boolean;
}

function layersOf({ files, corrected, split, run, data, maps, isEvaluated }: LayerSources): Layers {
  const inData = (path: string) => volumeUrl("data", data, relative(data.dir, path));
  const drawn = corrected?.path ?? null;
  const label = split === "test" ? (files.labelPath ?? drawn) : (drawn ?? files.labelPath);
  const labelUrl = (path: string | null) => path && `${inData(path)}?labelOf=${encodeURIComponent(files.id)}`;
  const inRun = (path: string) =>
    run && existsSync(join(run.dir, path)) ? volumeUrl("run", run, path) : null;
  const map = (ending: string) =>
    maps.has(`${files.id}${ending}.nii.gz`) ? inRun(join(MAPS_FOLDER, `${files.id}${ending}.nii.gz`)) : null;
  const samples: string[] = [];
  for (let url = map("_sample_1"); url; url = map(`_sample_${samples.length + 1}`)) samples.push(url);
  return {
    image: inData(files.imagePath),
    reference: labelUrl(label),
    correction: labelUrl(drawn),
    prediction:
      map("") ?? (isEvaluated ? inRun(join(`evaluation-${split}`, "labels", `${files.id}.nii.gz`)) : null),
    uncertainty: map("_uncertainty"),
    samples,
  };
}

function mapsIn(dir: string): Set<string> {
  const folder = join(dir, MAPS_FOLDER);
  return new Set(existsSync(folder) ? readdirSync(folder) : []);
}

function readRanking(dir: string): Ranking | null {
  const path = join(dir, RANKING_NAME);
  return existsSync(path) ? (parseJson(readTextFile(path, "a ranking")) as Ranking) : null;
}
