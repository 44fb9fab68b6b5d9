import { basename } from "node:path";
import { badInput } from "../errors.js";
import { openImage } from "../volume/format.js";
import { holdsChannels } from "../volume/read-channels.js";

/** nnU-Net's name of a channel: "case_0001.nii.gz" is channel 1 of "case". */
const CHANNEL = /^(.+)_(\d{4})(\.[^/]*)?$/;

const marked = (path: string): { stem: string; channel: number } | null => {
  const [, stem, channel] = CHANNEL.exec(basename(path)) ?? [];
  return stem === undefined ? null : { stem, channel: Number(channel) };
};

/** Bad input: names that say that these are not the channels, in order, of one scan. */
function checkMarks(paths: readonly string[]): void {
  const first = marked(paths[0]!);
  if (first === null) return;
  const odd = paths.findIndex((path, i) => {
    const mark = marked(path);
    return mark?.stem !== first.stem || mark.channel !== i;
  });
  if (odd < 0) return;
  throw badInput(
    `${paths[odd]}: by its name it is not channel ${odd} of ${first.stem}; name the files of a scan one after another, from channel 0 on`,
  );
}

/**
 * Files parted into scans of so many channels: each file that holds several volumes is a scan, of the others as many as
 * there are channels are one, in the order given. Bad input: a file that can't be opened, a scan that lacks channels, files
 * whose names (nnU-Net's) say that they are not the channels of one scan.
 */
export async function scansOf(paths: readonly string[], channels: number): Promise<string[][]> {
  if (channels === 1) return paths.map((path) => [path]);
  const scans: string[][] = [];
  for (let at = 0; at < paths.length; ) {
    const isWhole = holdsChannels(await openImage(paths[at]!));
    const scan = paths.slice(at, at + (isWhole ? 1 : channels));
    if (!isWhole && scan.length < channels) {
      throw badInput(
        `${scan[0]}: is one channel of a scan and ${scan.length - 1} files follow it; the run takes ${channels} channels: name a file for each, one scan after another, or a 4-D file`,
      );
    }
    if (!isWhole) checkMarks(scan);
    scans.push(scan);
    at += scan.length;
  }
  return scans;
}

/** The name of a scan's results by that of its first file, which may be marked as the first channel: a case's name, as in training. */
export const unmarked = (name: string): string => name.replace(/(.)_0000$/, "$1");
