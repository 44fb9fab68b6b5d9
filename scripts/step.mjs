// How set-up talks: one line per step, the end of the log when a step fails.
import { spawn, spawnSync } from "node:child_process";

// npm says the reason first, compilers last.
const [LOG_HEAD_LINES, LOG_TAIL_LINES] = [6, 20];

/** A set-up failure: `message` for the person, `exitCode` for the shell (3: the machine lacks something). */
export class SetupError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Prints one line about something that is neither an error nor a step. */
export const note = (text) => process.stderr.write(`setup: ${text}\n`);

/** Says `title`, waits for `work`, then ends the line with the seconds it took (or "failed"). */
export async function step(title, work) {
  process.stderr.write(`setup: ${title} ... `);
  const start = performance.now();
  try {
    const result = await work();
    process.stderr.write(`${((performance.now() - start) / 1000).toFixed(1)} s\n`);
    return result;
  } catch (error) {
    process.stderr.write("failed\n");
    throw error;
  }
}

function shortened(log) {
  const lines = log.trimEnd().split("\n");
  if (lines.length <= LOG_HEAD_LINES + LOG_TAIL_LINES) return lines.join("\n");
  return [...lines.slice(0, LOG_HEAD_LINES), "...", ...lines.slice(-LOG_TAIL_LINES)].join("\n");
}

/** Runs a command to its end; a failure throws its log's first and last lines. */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    const log = [];
    child.stdout.on("data", (chunk) => log.push(chunk));
    child.stderr.on("data", (chunk) => log.push(chunk));
    child.on("error", (error) => reject(new SetupError(`${command} can't be started: ${error.message}`)));
    child.on("close", (code, signal) => {
      if (code === 0) return resolve();
      const ending = `${command} ${args[0] ?? ""} ended with ${signal ?? `exit code ${code}`}`;
      reject(new SetupError(`${ending}\n${shortened(Buffer.concat(log).toString())}`));
    });
  });
}

/** A command's standard output, trimmed; null when it can't be run or fails. */
export function outputOf(command, args) {
  const { status, stdout } = spawnSync(command, args, { encoding: "utf8", timeout: 20_000 });
  return status === 0 ? stdout.trim() : null;
}
