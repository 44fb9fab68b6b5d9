import { NVImage } from "@niivue/niivue";

/** Part of the bytes that came, or null where the whole is not known. */
export type Progress = (part: number | null) => void;

/** Fetches a volume as the server sends it (one plain NIfTI file) and reads it. */
export async function loadVolume(
  url: string,
  options: { readonly signal: AbortSignal; readonly onProgress?: Progress; readonly voxelBytes?: number },
): Promise<NVImage> {
  const answer = await fetch(url, { signal: options.signal });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  const total = Number(answer.headers.get("content-length") ?? 0) || (options.voxelBytes ?? 0);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = answer.body!.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    bytes += value.length;
    options.onProgress?.(total > 0 ? Math.min(1, bytes / total) : null);
  }
  const buffer = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    buffer.set(chunk, at);
    at += chunk.length;
  }
  return NVImage.loadFromUrl({ url, buffer: buffer.buffer, name: "volume.nii", colormap: "gray" });
}
