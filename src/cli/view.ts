import { Command, InvalidArgumentError } from "commander";
import { status, wholeNumber } from "./options.js";

interface ViewArguments {
  readonly port: number;
}

const MOST_PORT = 65_535;

function portNumber(text: string): number {
  const port = wholeNumber(0)(text);
  if (port <= MOST_PORT) return port;
  throw new InvalidArgumentError(`expected a port of at most ${MOST_PORT}`);
}

export function viewCommand(): Command {
  return new Command("view")
    .description("Look at runs, cases and features in the browser, and correct labels.")
    .argument("<dir>", "a run, a data directory, or a directory above several")
    .option("--port <n>", "port on this machine; 0 takes a free one", portNumber, 0)
    .action(runView);
}

async function runView(dir: string, { port }: ViewArguments): Promise<void> {
  const { startViewer } = await import("../viewer/server.js");
  const viewer = await startViewer({ dir, port });
  process.stdout.write(`${viewer.url}\n`);
  status("open this address in a browser on this machine; Ctrl-C ends it");
  await new Promise<void>((resolve) => {
    for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => resolve());
  });
  await viewer.close();
}
