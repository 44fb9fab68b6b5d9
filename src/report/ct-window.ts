/** Air in CT is about -1000 HU; no MRI is that far below zero. */
const CT_BELOW = -500;

/** Soft tissue, black to white in HU: air and bone would take all the grey. */
export const SOFT_TISSUE: readonly [number, number] = [-160, 240];

/** Whether intensities, of which this is the lowest, look like Hounsfield units. */
export const isCt = (lowest: number): boolean => lowest < CT_BELOW;
