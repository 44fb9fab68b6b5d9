import type { MeanScore } from "../metrics/score.js";
import type { Config } from "../training/config.js";
import { effortOf } from "../training/effort.js";
import { SCANNERS, type Scanner } from "./phantom.js";
import type { RecordedDemo } from "./recorded.js";

/** The configurations of the two runs and how they scored. */
export interface DemoOutcome {
  readonly configs: Readonly<Record<"supervised" | "aua", Config>>;
  readonly means: Readonly<Record<"supervised" | "aua", MeanScore>>;
  readonly counts: { readonly labeled: number; readonly unlabeled: number; readonly test: number };
  readonly recorded: readonly RecordedDemo[];
}

const range = ({ noise: [low, high] }: Scanner) => `${low} to ${high}`;
const percent = (dice: number) => `${(100 * dice).toFixed(2)} %`;

function effortNote({ configs }: DemoOutcome): string {
  const [baseline, aua] = [effortOf(configs.supervised), effortOf(configs.aua)];
  return (
    `The baseline is no straw man: it takes ${baseline.steps} optimizer steps (AUA ${aua.steps} in both stages together), ` +
    `sees ${baseline.labeledPatches} labeled patches (AUA ${aua.labeledPatches}), and has the same network, ` +
    "learning rate and augmentation."
  );
}

function recordedNote({ seed, supervised, aua, date, command }: RecordedDemo): string {
  return (
    `Another seed, which draws other phantoms, weights and patches (recorded on ${date} with "${command}", not run now): ` +
    `seed ${seed} gave Dice ${percent(supervised)} for the labels alone and ${percent(aua)} for AUA.`
  );
}

/** What a reader of the demo's report must know to judge its numbers. */
export function demoNotes(outcome: DemoOutcome): string[] {
  const { configs, counts, means, recorded } = outcome;
  const { seed } = configs.aua;
  const gain = 100 * (means.aua.dice - means.supervised.dice);
  return [
    `Two trainings from the same ${counts.labeled} labeled phantoms: "supervised" uses nothing else, "AUA" also sees ` +
      `${counts.unlabeled} phantoms without labels. Both are scored on ${counts.test} phantoms that neither has seen.`,
    `The labeled phantoms come from a scanner with little noise (${range(SCANNERS.research)} where blood is about 0.8), all others, ` +
      `the test phantoms too, from a noisier one (${range(SCANNERS.everyday)}): experts mark the good scans, everyday ones come without labels.`,
    effortNote(outcome),
    `AUA's mean Dice is ${Math.abs(gain).toFixed(2)} points ${gain >= 0 ? "above" : "below"} the baseline's. Everything follows ` +
      `from seed ${seed}; this is one run each, and the settings were chosen on phantoms of seeds 101 to 104, never on the demo's own.`,
    ...recorded.filter((one) => one.seed !== seed).map(recordedNote),
    "Phantoms are made up: they show that the method works and what its output looks like, not how well it does on patients.",
    `Uncertainty: for AUA the entropy of ${configs.aua.inference.uncertaintySamples} samples of the distribution that stage 1 learned; ` +
      "for the baseline, which learns none, the entropy of its probabilities.",
  ];
}
