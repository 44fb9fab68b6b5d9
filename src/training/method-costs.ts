import type { MethodName } from "./method-catalog.js";

/** Processor time of a step over that of the supervised baseline's. Measured, not computed. */
export const METHOD_COSTS: { readonly note: string; readonly perStep: Record<MethodName, string> } = {
  note:
    "Cost per step: processor time over the supervised baseline's, preset la-half, bfloat16, AMD EPYC (Zen 5, AVX-512) " +
    "with Debian's libtorch 1.13, 24 November 2026; measure here with: npm run bench -- methods --preset la-half --precision bf16",
  perStep: {
    supervised: "1",
    ssn: "1.14",
    "mean-teacher": "1.10",
    "ua-mt": "1.98",
    "aua-consistency": "1.19",
    "aua-contrast": "1.22",
    "aua-pseudo": "1.20, stage 2 1.12",
    aua: "1.21, prototypes 0.11, stage 2 1.19",
    "aua-sharp": "1.22, prototypes 0.12, stage 2 1.18",
    "mc-net": "4.19",
    bcp: "0.54 among labeled patches, then 0.76",
    densecl: "0.64",
  },
};
