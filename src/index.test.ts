import { expect, it } from "vitest";
import { program } from "./cli/main.js";
import * as penumbra from "./index.js";

/** What the library offers for each command. */
const FUNCTIONS = {
  train: penumbra.train,
  evaluate: penumbra.evaluate,
  predict: penumbra.predict,
  compare: penumbra.compare,
  import: penumbra.importWeights,
  export: penumbra.exportWeights,
  inspect: penumbra.inspect,
  fingerprint: penumbra.fingerprintOf,
  prepare: penumbra.prepareData,
  rank: penumbra.rank,
  view: penumbra.startViewer,
  demo: penumbra.runDemo,
  doctor: penumbra.doctor,
};

it("offers every command as one function", () => {
  const commands = program().commands.map((command) => command.name());
  expect([...Object.keys(FUNCTIONS), "methods"].sort()).toEqual(commands.sort());
  for (const [command, run] of Object.entries(FUNCTIONS)) expect(typeof run, command).toBe("function");
  expect(Object.keys(penumbra.METHODS)).toContain("aua");
});
