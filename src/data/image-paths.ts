import type { CaseFiles } from "./dataset.js";

/** Every file of a case's image, in the order of the channels. */
export const imagePathsOf = ({ imagePath, otherChannels = [] }: CaseFiles): string[] => [
  imagePath,
  ...otherChannels,
];
