#!/usr/bin/env node
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  const { report, run } = await import(main.href);
  // What no command could catch: an error in a thread or a stream. One whose output nobody reads (… | head) ends silently.
  process.on("uncaughtException", (error) => {
    process.exit(error.code === "EPIPE" ? 3 : report(error, process.argv.includes("--debug")));
  });
  process.exitCode = await run(process.argv);
} else {
  process.stderr.write(
    "penumbra: not built yet (dist/cli/main.js is missing); build it with: npm run setup\n",
  );
  process.exitCode = 3;
}
