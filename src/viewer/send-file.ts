import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { inspect } from "node:util";
import { createGunzip } from "node:zlib";
import { printable } from "../errors.js";

/** Large pieces: Node's own of 16 to 64 KiB take three to ten times as long for a scan. */
const PIECE_BYTES = 1 << 20;

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  json: "application/json",
  jsonl: "application/x-ndjson",
  csv: "text/csv; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
  woff2: "font/woff2",
};
const typeOf = (path: string): string =>
  TYPES[path.slice(path.lastIndexOf(".") + 1)] ?? "application/octet-stream";

/** First and last byte asked for; "none" without a range, "bad" for one that the file does not have. */
export function parseRange(header: string | undefined, size: number): [number, number] | "none" | "bad" {
  if (header === undefined) return "none";
  const match = /^bytes=(\d*)-(\d*)$/.exec(header.trim());
  if (!match || (match[1] === "" && match[2] === "")) return "none"; // several ranges, other units: the whole file
  const [, from, to] = match;
  if (from === "") return Number(to) === 0 ? "bad" : [Math.max(0, size - Number(to)), size - 1];
  const end = to === "" ? size - 1 : Math.min(Number(to), size - 1);
  return Number(from) < size && Number(from) <= end ? [Number(from), end] : "bad";
}

const stream = (readable: Readable): ReadableStream => Readable.toWeb(readable) as ReadableStream;

/** A file as an answer, streamed; a part of it where a range is asked for. */
export function sendFile(
  { file, size }: { file: string; size: number },
  range?: string,
  cache = "no-cache",
): Response {
  const headers = { "Content-Type": typeOf(file), "Accept-Ranges": "bytes", "Cache-Control": cache };
  const asked = parseRange(range, size);
  if (asked === "bad")
    return new Response(null, { status: 416, headers: { ...headers, "Content-Range": `bytes */${size}` } });
  const [start, end] = asked === "none" ? [0, size - 1] : asked;
  const body = size === 0 ? null : stream(createReadStream(file, { start, end, highWaterMark: PIECE_BYTES }));
  const partial: Record<string, string> =
    asked === "none" ? {} : { "Content-Range": `bytes ${start}-${end}/${size}` };
  return new Response(body, {
    status: asked === "none" ? 200 : 206,
    headers: { ...headers, ...partial, "Content-Length": String(size === 0 ? 0 : end - start + 1) },
  });
}

/** A gzipped file unpacked on the way: faster than in the page, and never whole in memory. */
export function sendUnpacked({ file }: { file: string }): Response {
  const packed = createReadStream(file, { highWaterMark: PIECE_BYTES });
  const plain = createGunzip({ chunkSize: PIECE_BYTES });
  packed.on("error", (error) => plain.destroy(error));
  // the web server prints what breaks a stream off: one line, no stack
  plain.on("error", (error) => {
    const line = `penumbra view: ${file}: ${error.message}; damaged or cut short`;
    Object.assign(error, { [inspect.custom]: () => printable(line) });
  });
  plain.on("close", () => packed.destroy());
  return new Response(stream(packed.pipe(plain)), {
    headers: { "Content-Type": "application/octet-stream", "Cache-Control": "no-cache" },
  });
}
