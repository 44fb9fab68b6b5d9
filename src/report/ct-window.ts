/** Air in CT is about -1000 HU and what pads a slice down to -3024; no MRI is that far below zero but for damage or phase images. */
const CT_LOWEST: readonly [number, number] = [-4000, -500];

/** Soft tissue, black to white in HU: air and bone would take all the grey. */
export const SOFT_TISSUE: readonly [number, number] = [-160, 240];

/** Whether intensities, of which this is the lowest but for a few voxels out of range, look like Hounsfield units. */
export const isCt = (lowest: number): boolean => lowest > CT_LOWEST[0] && lowest < CT_LOWEST[1];
