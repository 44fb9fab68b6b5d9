import type { MethodName } from "./method-catalog.js";

/** Processor time of a step over that of the supervised baseline's. Measured, not computed; a method left out was not measured. */
export const METHOD_COSTS: { readonly note: string; readonly perStep: Partial<Record<MethodName, string>> } =
  {
    note:
      "Cost per step: processor time over the supervised baseline's, preset phantom, float32, 2 cores (AVX-512) that other " +
      "programs used too, 24 November 2026; measure all methods here with: npm run bench -- methods",
    perStep: { supervised: "1", ssn: "1.24", "mean-teacher": "1.20", "ua-mt": "2.61" },
  };
