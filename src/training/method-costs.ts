import type { MethodName } from "./method-catalog.js";

/** Seconds of a step over those of the supervised baseline's; with several stages, each stage's. Measured, not computed. */
export const METHOD_COSTS: { readonly note: string; readonly perStep: Partial<Record<MethodName, string>> } =
  {
    note: "Cost per step is over the supervised baseline's; measure it here with: npm run bench -- methods",
    perStep: {},
  };
