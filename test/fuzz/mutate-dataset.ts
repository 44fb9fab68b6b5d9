import type { Random } from "#dist/data/random.js";
import { DICTIONARY, type Keyword } from "#dist/volume/dicom-dictionary.js";
import type { DicomDataset, DicomValue } from "#dist/volume/dicom-encode.js";
import { pick } from "./target.js";

const NUMBERS = [0, 1, 2, 8, 12, 16, 32, 255, 256, 4095, 32767, 65535];
const TEXTS = [
  ...[
    "",
    " ",
    "0",
    "-1",
    "1",
    "1e308",
    "-1e-320",
    "NaN",
    "abc",
    "2147483648",
    "4294967296",
    "1e20",
    "0.0000001",
  ],
  ...["1\\2", "1\\0\\0\\0\\1\\0", "0\\0\\0\\0\\0\\0", "1e300\\0\\0", "\\\\\\", "x".repeat(1000), "\u001b[2J"],
  ...["SEG", "MONOCHROME1", "RGB", "PALETTE COLOR", "1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.1.3.10"],
];

/** A value of the attribute's own kind that its reader may not expect. */
function oddValue(keyword: Keyword, random: Random): DicomValue {
  const vr = DICTIONARY[keyword][1];
  if (vr === "US" || vr === "UL" || vr === "AT")
    return Array.from({ length: random.below(3) }, () => pick(NUMBERS, random));
  if (vr === "SQ") return Array.from({ length: random.below(3) }, () => ({}));
  if (vr === "OB") return new Uint8Array(random.below(4000));
  return pick(TEXTS, random);
}

const isSequence = (value: DicomValue | undefined): value is readonly DicomDataset[] =>
  Array.isArray(value) && typeof value[0] === "object";

function mutateOnce(dataset: DicomDataset, random: Random): DicomDataset {
  const keyword = pick(Object.keys(dataset) as Keyword[], random);
  if (keyword === undefined) return dataset;
  const value = dataset[keyword];
  if (isSequence(value) && random.below(3) > 0) {
    const at = random.below(value.length);
    return { ...dataset, [keyword]: value.with(at, mutateOnce(value[at]!, random)) };
  }
  return { ...dataset, [keyword]: random.below(5) === 0 ? undefined : oddValue(keyword, random) };
}

/** A data set with one to four of its attributes removed or given odd values, at any depth. */
export function mutateDataset(dataset: DicomDataset, random: Random): DicomDataset {
  let mutated = dataset;
  for (let times = 1 + random.below(1 + random.below(4)); times > 0; times--)
    mutated = mutateOnce(mutated, random);
  return mutated;
}
