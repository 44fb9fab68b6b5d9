import { Command } from "commander";
import { METHODS, type MethodEntry, type MethodName } from "../training/method-catalog.js";
import { METHOD_COSTS } from "../training/method-costs.js";

export function methodsCommand(): Command {
  return new Command("methods")
    .description("List the methods: what they do, need and cost, and whom to cite.")
    .option("--json", "print them as JSON")
    .action(runMethods);
}

function runMethods({ json }: { readonly json?: true }): void {
  const entries = Object.entries(METHODS) as [MethodName, MethodEntry][];
  if (json) {
    const all = entries.map(([name, entry]) => ({
      name,
      ...entry,
      cost: METHOD_COSTS.perStep[name],
    }));
    process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    return;
  }
  const texts = entries.map(([name, entry]) => describe(name, entry));
  process.stdout.write(`${texts.join("\n\n")}\n\n${METHOD_COSTS.note}\n`);
}

/** A method in a few lines. */
function describe(name: MethodName, entry: MethodEntry): string {
  const lines = [
    name,
    entry.summary,
    `needs: ${needsOf(entry).join(", ")}`,
    `cost per step: ${METHOD_COSTS.perStep[name]}`,
    `keys: ${entry.sections.map((section) => `${section}.*`).join(", ")}`,
    ...(entry.published ? [`published, left atrium (Dice / Jaccard / ASD / 95HD): ${entry.published}`] : []),
    `cite: ${entry.citation}`,
  ];
  return lines.map((line, i) => (i === 0 ? line : `  ${line}`)).join("\n");
}

/** "labels", "unlabeled images", "a teacher", ... */
const needsOf = ({ labels, unlabeled, teacher, samples, networks, extra }: MethodEntry): string[] => [
  ...(labels ? ["labels"] : []),
  ...(unlabeled ? [labels ? "unlabeled images" : "images"] : []),
  ...(teacher ? ["a teacher"] : []),
  ...(extra ? [extra] : []),
  ...(samples ? ["memory for samples of the logits"] : []),
  `${networks} ${networks === 1 ? "network" : "networks"} in memory`,
];
