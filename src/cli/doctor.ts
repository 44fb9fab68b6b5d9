import { Command } from "commander";
import { EXIT_CODES, PenumbraError } from "../errors.js";
import type { Finding } from "./machine-report.js";

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Tell what this machine offers, what is slow or missing, and how to fix it.")
    .option("--json", "print the findings as JSON")
    .action(runDoctor);
}

async function runDoctor({ json }: { readonly json?: true }): Promise<void> {
  const findings = await examine();
  const report = await import("./machine-report.js");
  process.stdout.write(`${json ? JSON.stringify(findings, null, 2) : report.formatFindings(findings)}\n`);
  if (findings.some(({ verdict }) => verdict === "problem")) process.exitCode = EXIT_CODES.environment;
}

/** All findings; a libtorch that can't be loaded is one of them. */
export async function examine(): Promise<Finding[]> {
  const [report, { cpuCapability, findAddon, setupCommand }, { libtorchFacts }] = await Promise.all([
    import("./machine-report.js"),
    import("../engine/find-libtorch.js"),
    import("../engine/libtorch.js"),
  ]);
  const cpu = cpuCapability();
  const known = [...report.machineFindings(), ...report.cpuFindings(cpu)];
  try {
    return [...known, ...report.libtorchFindings(findAddon(), libtorchFacts(), cpu)];
  } catch (error) {
    if (!(error instanceof PenumbraError)) throw error;
    return [...known, { name: "libtorch", verdict: "problem", value: error.message, fix: setupCommand() }];
  }
}
