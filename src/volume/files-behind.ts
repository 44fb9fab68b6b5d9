import { filesIn } from "./folder-files.js";
import { isFolder, type Kind, kindOfFile, openImage } from "./format.js";
import { openStored } from "./stored-file.js";

/** Kinds whose headers may lie apart from their voxels. */
const DETACHING: ReadonlySet<Kind> = new Set(["nifti", "nrrd", "metaImage"]);
/** A NIfTI file of such a name is whole, or not read. */
const WHOLE_NIFTI = /\.nii(\.gz)?$/i;

/**
 * Every file that is read when the image or label map at `path` is: of a folder those in it, of a header apart from its
 * voxels both. What reading refuses leads to no other file. Bad input: nothing there, or neither file nor folder.
 */
export async function filesBehind(path: string): Promise<string[]> {
  if (await isFolder(path)) return filesIn(path);
  const file = await openStored(path);
  const kind = await kindOfFile(file).catch(() => null);
  if (kind === null || !DETACHING.has(kind) || (kind === "nifti" && WHOLE_NIFTI.test(path))) return [path];
  const image = await openImage(path).catch(() => null);
  return [path, ...(image?.otherFiles ?? [])];
}
