import type { Config } from "./config.js";
import { stagesOf } from "./stages.js";

/** What a configuration spends: steps that move parameters, and labeled patches seen in them. */
export function effortOf(config: Config): { steps: number; labeledPatches: number } {
  const trained = stagesOf(config).filter(({ name }) => name !== "prototypes");
  return {
    steps: trained.reduce((sum, { iterations }) => sum + iterations, 0),
    labeledPatches: trained.reduce((sum, { iterations, batch }) => sum + iterations * batch.labeled, 0),
  };
}
