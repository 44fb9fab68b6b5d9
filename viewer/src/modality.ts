import type { NVImage } from "@niivue/niivue";

/** Air in CT is about -1000 HU; no MRI is that far below zero. */
const CT_BELOW = -500;

/** Whether intensities look like Hounsfield units. */
export const isCt = (image: NVImage | null | undefined): boolean => (image?.global_min ?? 0) < CT_BELOW;
