import { Command, CommanderError } from "commander";
import { badInput, EXIT_CODES, PenumbraError } from "../errors.js";
import { machineReason } from "../files/system-error.js";
import { packageVersion } from "../version.js";
import { compareCommand } from "./compare.js";
import { demoCommand } from "./demo.js";
import { doctorCommand } from "./doctor.js";
import { evaluateCommand } from "./evaluate.js";
import { exportCommand } from "./export.js";
import { fingerprintCommand } from "./fingerprint.js";
import { importCommand } from "./import.js";
import { inspectCommand } from "./inspect.js";
import { methodsCommand } from "./methods.js";
import { predictCommand } from "./predict.js";
import { prepareCommand } from "./prepare.js";
import { rankCommand } from "./rank.js";
import { trainCommand } from "./train.js";
import { viewCommand } from "./view.js";

const BUG = 1;

/** All commands. Their work is loaded only when one of them runs, so that --help stays instant. */
export function program(): Command {
  const root = new Command("penumbra")
    .description("Segment 3-D medical images, trained from few labels and many unlabeled scans.")
    .version(packageVersion())
    .option("--debug", "show where in the code an error comes from");
  for (const command of [
    trainCommand(),
    evaluateCommand(),
    predictCommand(),
    compareCommand(),
    methodsCommand(),
    importCommand(),
    exportCommand(),
    inspectCommand(),
    fingerprintCommand(),
    prepareCommand(),
    rankCommand(),
    viewCommand(),
    demoCommand(),
    doctorCommand(),
  ]) {
    root.addCommand(command);
  }
  root.hook("preAction", (_, command) => refuseEmpty(command));
  for (const command of [root, ...root.commands]) {
    command.exitOverride().configureOutput({ outputError: (text, write) => write(oneLine(text)) });
  }
  return root;
}

/** Names that mean something when they are empty: --key "" is the network whose tensors have no prefix. */
const MAY_BE_EMPTY = ["key"];

/** An empty value is a variable of a script that was not set. @throws PenumbraError "bad-input" naming the option */
function refuseEmpty(command: Command): void {
  const given = Object.entries<unknown>(command.opts());
  const empty = given.find(([name, value]) => value === "" && !MAY_BE_EMPTY.includes(name))?.[0];
  const option = command.options.find((one) => one.attributeName() === empty);
  if (option) throw badInput(`${option.long} is empty; give it a value, or leave it out`);
  if (command.args.includes(""))
    throw badInput("a name on the command line is empty; give it, or leave it out");
}

/** "error: unknown option '--dta'\n(Did you mean --data?)\n" -> "penumbra: unknown option '--dta' (Did you mean --data?)\n" */
const oneLine = (text: string) =>
  `penumbra: ${text
    .trim()
    .replace(/^error: /, "")
    .replaceAll("\n", " ")}\n`;

/** Runs the command line and returns the exit code; everything thrown ends here as one line on standard error. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(argv as string[]);
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return report(error, argv.includes("--debug"));
  }
}

/** Says what went wrong, in one line, and returns the exit code for it. */
export function report(thrown: unknown, debug: boolean): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : EXIT_CODES["bad-input"];
  const error = ofTheMachine(thrown) ?? thrown;
  const known = error instanceof PenumbraError;
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  const hint = known || debug ? "" : "; run it again with --debug to see where";
  process.stderr.write(`penumbra: ${known ? "" : "bug: "}${line}${hint}\n`);
  if (debug) process.stderr.write(`${stackOf(error)}\n`);
  return known ? EXIT_CODES[error.code] : BUG;
}

/** Errors of the system that are no bug, wherever they come from: no room, no files left, a disk that fails. */
function ofTheMachine(error: unknown): PenumbraError | null {
  if (!(error instanceof Error) || error instanceof PenumbraError) return null;
  const { syscall, message } = error as NodeJS.ErrnoException;
  const isGone = syscall === "uv_cwd";
  if (!isGone && machineReason(error) === null) return null;
  const what = isGone ? "the current directory was removed; change to one that is there" : message;
  return new PenumbraError("environment", what, { cause: error });
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  const cause = error.cause === undefined ? "" : `\ncaused by: ${stackOf(error.cause)}`;
  return `${error.stack}${cause}`;
}
