import { join } from "node:path";
import type { Context } from "hono";
import { streamSSE } from "hono/streaming";
import { LOG_NAME } from "../training/run-log.js";
import type { LogPoint } from "./api.js";
import type { Catalogue } from "./catalogue.js";
import type { Jobs } from "./jobs.js";
import { grownSince, type Mark } from "./tail.js";

const POLL_MS = 400;
/** Silence after which a comment is sent, so that a dead connection is noticed. */
const BEAT_MS = 15_000;

/** A log of a run that the page follows. */
type LogName = "log" | "validation";
const FILES: Record<LogName, string> = { log: LOG_NAME, validation: "validation/log.jsonl" };

/** How far each log was sent: "run log file bytes", joined by commas. An event's id, so that a reconnect goes on there. */
type Marks = Map<string, Mark>;

export const writeMarks = (marks: Marks): string =>
  [...marks].map(([key, { file, bytes }]) => `${key} ${file} ${bytes}`).join(",");

export function readMarks(id: string | undefined): Marks {
  const marks: Marks = new Map();
  for (const part of (id ?? "").split(",")) {
    const [, key, file, bytes] = /^(\S+ (?:log|validation)) (\d+) (\d+)$/.exec(part) ?? [];
    if (key) marks.set(key, { file: Number(file), bytes: Number(bytes) });
  }
  return marks;
}

/** What the page draws of a log's line; case names and waiting times stay out. */
function toPoint(line: string): LogPoint | null {
  try {
    const { stage, iteration, total, loss, terms, weights, learningRate, secondsPerIteration } =
      JSON.parse(line);
    return { stage, iteration, total, loss, terms, weights, learningRate, secondsPerIteration };
  } catch {
    return null; // damaged by hand: `evaluate` will name the line
  }
}

const parsed = (line: string): unknown => {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
};

/**
 * Follows logs and jobs as server-sent events: `log` and `validation` carry { run, anew, points }, `jobs` the list of
 * jobs. After a reconnect (Last-Event-ID) only what is new is sent.
 */
export function followRuns(context: Context, catalogue: Catalogue, jobs: Jobs): Response {
  const runs = (context.req.queries("run") ?? []).flatMap((id) => catalogue.find("run", id) ?? []);
  const marks = readMarks(context.req.header("last-event-id"));
  return streamSSE(context, async (stream) => {
    let jobsSent = "";
    let sentAt = Date.now();
    const send = async (event: string, data: unknown) => {
      sentAt = Date.now();
      await stream.writeSSE({ event, data: JSON.stringify(data), id: writeMarks(marks) });
    };
    await stream.writeSSE({ event: "hello", data: "{}", retry: 1000 });
    while (!stream.aborted && !stream.closed) {
      let busy = false;
      for (const { id, dir } of runs) {
        for (const name of Object.keys(FILES) as LogName[]) {
          const key = `${encodeURIComponent(id)} ${name}`;
          const grown = grownSince(join(dir, FILES[name]), marks.get(key) ?? null);
          if (!grown) continue;
          busy = true;
          marks.set(key, grown.mark);
          const points = grown.lines.map(name === "log" ? toPoint : parsed).filter((point) => point !== null);
          await send(name, { run: id, anew: grown.anew, points });
        }
      }
      const list = JSON.stringify(jobs.list());
      if (list !== jobsSent) {
        jobsSent = list;
        await send("jobs", jobs.list());
      }
      if (Date.now() - sentAt > BEAT_MS) {
        sentAt = Date.now();
        await stream.write(": still here\n\n");
      }
      if (!busy) await stream.sleep(POLL_MS);
    }
  });
}
