/** A code of SNOMED CT and what it means. */
export interface Code {
  readonly value: string;
  readonly meaning: string;
}

/** What kind of thing a segment is, and which one. */
export interface SegmentCodes {
  readonly category: Code;
  readonly type: Code;
}

const ANATOMY: Code = { value: "123037004", meaning: "Anatomical Structure" };
const ABNORMAL: Code = { value: "49755003", meaning: "Morphologically Abnormal Structure" };

const organ = (value: string, meaning: string): SegmentCodes => ({
  category: ANATOMY,
  type: { value, meaning },
});

/** Codes of class names that say what they are. */
const KNOWN: ReadonlyArray<readonly [RegExp, SegmentCodes]> = [
  [/tumou?r|lesion|cancer/, { category: ABNORMAL, type: { value: "108369006", meaning: "Neoplasm" } }],
  [/left.?atri(um|al)/, organ("82471001", "Left atrium")],
  [/hippocamp/, organ("5366008", "Hippocampus")],
  [/pancreas/, organ("15776009", "Pancreas")],
  [/liver/, organ("10200004", "Liver")],
  [/spleen/, organ("78961009", "Spleen")],
  [/kidney/, organ("64033007", "Kidney")],
  [/prostate/, organ("41216001", "Prostate")],
  [/colon/, organ("71854001", "Colon")],
];

/** Codes for a class by its name; "anatomical structure" where the name isn't known. */
export function segmentCodes(className: string): SegmentCodes {
  const name = className.toLowerCase();
  return KNOWN.find(([pattern]) => pattern.test(name))?.[1] ?? { category: ANATOMY, type: ANATOMY };
}
