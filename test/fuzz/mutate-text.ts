import type { Random } from "#dist/data/random.js";
import { mutateBytes } from "./mutate.js";
import { pick } from "./target.js";

/** Words that readers of text headers stumble over. */
const ODD_WORDS = [
  ...["0", "-1", "1", "2", "3", "1.5", "1e308", "-1e308", "1e-320", "NaN", "Infinity", "inf", "none", "???"],
  ...["255", "65536", "2147483648", "4294967296", "9007199254740993", "18446744073709551616", "0x10"],
  ...["", "(", ")", "(1,0,0)", "(0,0,0)", "(1,2)", "(NaN,0,0)", "..", "../x", "/etc/passwd", "LOCAL", "LIST"],
  ...[
    "raw",
    "gzip",
    "gz",
    "ascii",
    "text",
    "hex",
    "bzip2",
    "True",
    "False",
    "little",
    "big",
    "x%03d.raw 1 9 1",
  ],
  ...["uchar", "float", "double", "int64", "uint64", "block", "MET_UCHAR", "MET_LONG_LONG", "MET_DOUBLE"],
  ...["RAS", "LAS", "scanner-xyz", "list", "domain", "RGB-color", "\u0007", "\u0000", "x".repeat(300)],
];

type LinesMutation = (lines: string[], random: Random) => string[];

const LINE_MUTATIONS: readonly LinesMutation[] = [
  function changeWord(lines, random) {
    const i = random.below(lines.length);
    const words = lines[i]!.split(/(?<=\s)/);
    const at = random.below(words.length);
    words[at] = `${pick(ODD_WORDS, random)} `;
    return lines.with(i, words.join("").trimEnd());
  },
  function addWord(lines, random) {
    const i = random.below(lines.length);
    return lines.with(i, `${lines[i]} ${pick(ODD_WORDS, random)}`);
  },
  function removeLine(lines, random) {
    return lines.toSpliced(random.below(lines.length), 1);
  },
  function repeatLine(lines, random) {
    return lines.toSpliced(random.below(lines.length), 0, pick(lines, random));
  },
  function swapValues(lines, random) {
    const [i, j] = [random.below(lines.length), random.below(lines.length)];
    return lines.with(i, lines[j]!).with(j, lines[i]!);
  },
];

/** A header of lines with one to five of its words or lines changed; now and then its bytes. */
export function mutateText(seed: string, random: Random): Buffer {
  if (random.below(4) === 0) return mutateBytes(Buffer.from(seed, "latin1"), random);
  let lines = seed.split("\n");
  for (let times = 1 + random.below(1 + random.below(5)); times > 0 && lines.length > 0; times--)
    lines = pick(LINE_MUTATIONS, random)(lines, random);
  return Buffer.from(lines.join("\n"), "latin1");
}
