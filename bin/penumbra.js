#!/usr/bin/env node
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  const { run } = await import(main.href);
  process.exitCode = await run(process.argv);
} else {
  process.stderr.write(
    "penumbra: not built yet (dist/cli/main.js is missing); build it with: npm run setup\n",
  );
  process.exitCode = 3;
}
