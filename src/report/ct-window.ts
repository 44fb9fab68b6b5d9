/** Air in CT is about -1000 HU; no MRI is that far below zero, but for damaged voxels and phase images. */
const CT_BELOW = -500;
/** What pads a slice is seldom further down; phase images are. */
const CT_LOWEST = -3100;

/** Soft tissue, black to white in HU: air and bone would take all the grey. */
export const SOFT_TISSUE: readonly [number, number] = [-160, 240];

/** Whether intensities, of which one of these is the lowest but for voxels out of range, look like Hounsfield units. */
export const isCt = (...lowest: readonly number[]): boolean =>
  lowest.some((value) => value > CT_LOWEST && value < CT_BELOW);
