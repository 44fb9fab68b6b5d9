import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { PenumbraError } from "../errors.js";
import { packageVersion } from "../version.js";
import { type AllowedFile, allowedFile, allowedScan, type Refusal } from "./allowed-file.js";
import type { DataSummary, Overview, RunSummary } from "./api.js";
import { casesOfData, casesOfRun } from "./case-table.js";
import type { Catalogue, Kind, Place } from "./catalogue.js";
import { dataSummary } from "./data-summary.js";
import type { Jobs } from "./jobs.js";
import { followRuns } from "./live-events.js";
import { NotThere } from "./not-there.js";
import { orderMaps, orderRanking } from "./orders.js";
import { detailOf, summaryOf } from "./run-summary.js";
import { gridOfCase, saveLabel } from "./save-label.js";
import { sendFile } from "./send-file.js";
import { sendVolume } from "./volumes.js";

const BUILT_PAGES = fileURLToPath(new URL("../../viewer/dist", import.meta.url));
/** Voxels of the largest label map that can be saved. */
const MOST_LABEL_BYTES = 2 ** 30;
const HASHED = "public, max-age=31536000, immutable";

export interface RouteParts {
  readonly catalogue: Catalogue;
  readonly jobs: Jobs;
  readonly token: string;
  readonly guard: MiddlewareHandler;
  readonly pages?: string;
}

/** Everything that is answered, below `/<token>`; all else is 403 (without the token) or 404. */
export function routesOf({ catalogue, jobs, token, guard, pages = BUILT_PAGES }: RouteParts): Hono {
  const app = new Hono();
  app.use("*", guard);
  app.onError(answerError);
  app.notFound((context) => context.text("not found\n", 404));

  const place = (kind: Kind, context: Context): Place => {
    const found = catalogue.find(kind, context.req.param(kind) ?? "");
    if (found) return found;
    throw new NotThere(`no such ${kind}: ${context.req.param(kind)}`);
  };
  const dataOf = (run: Place): Place => {
    const id = summaryOf(run, catalogue).data;
    const data = id === null ? undefined : catalogue.find("data", id);
    if (data) return data;
    throw new PenumbraError("bad-input", `${run.dir}: the data it was trained on is not there`);
  };

  const api = new Hono();
  api.get("/overview", async (context) => context.json(await overviewOf(catalogue)));
  api.get("/events", (context) => followRuns(context, catalogue, jobs));
  api.get("/runs/:run", (context) => context.json(detailOf(place("run", context), catalogue)));
  api.get("/runs/:run/cases", async (context) => {
    const run = place("run", context);
    return context.json(await casesOfRun(run, dataOf(run)));
  });
  api.post("/runs/:run/cases/:case/maps", async (context) => {
    const run = place("run", context);
    return context.json(
      await orderMaps(jobs, summaryOf(run, catalogue), dataOf(run), context.req.param("case")),
    );
  });
  api.post("/runs/:run/ranking", (context) => {
    const run = place("run", context);
    return context.json(orderRanking(jobs, run, dataOf(run)));
  });
  api.get("/data/:data/cases", async (context) => context.json(await casesOfData(place("data", context))));
  api.get("/data/:data/cases/:case", async (context) => {
    const { grid, classes } = await gridOfCase(place("data", context).dir, context.req.param("case"));
    return context.json({ grid, classes });
  });
  api.post("/data/:data/cases/:case/label", async (context) => {
    if (Number(context.req.header("content-length") ?? Number.POSITIVE_INFINITY) > MOST_LABEL_BYTES)
      return context.text("a label map of a known size, at most 1 GiB, is expected\n", 413);
    const voxels = new Uint8Array(await context.req.arrayBuffer());
    return context.json(await saveLabel(place("data", context).dir, context.req.param("case"), voxels));
  });

  app.route(`/${token}/api`, api);
  const fileAt = (context: Context, kind: Kind, prefix: string, allowed: Allowed) =>
    requested(context, `/${token}/${prefix}/`, (path) =>
      allowed(place(kind, context).dir, path, catalogue.roots),
    );
  for (const kind of ["run", "comparison"] as const)
    app.get(`/${token}/files/${kind}/:${kind}/*`, async (context) => {
      const found = await fileAt(context, kind, `files/${kind}`, allowedFile);
      return found instanceof Response ? found : sendFile(found, context.req.header("range"));
    });
  for (const kind of ["run", "data"] as const)
    app.get(`/${token}/volumes/${kind}/:${kind}/*`, async (context) => {
      const found = await fileAt(context, kind, `volumes/${kind}`, allowedScan);
      if (found instanceof Response) return found;
      const id = context.req.query("labelOf");
      const labelOf = id === undefined ? null : await gridOfCase(place(kind, context).dir, id);
      return sendVolume(found, { labelOf, range: context.req.header("range") });
    });
  app.get(`/${token}`, (context) => context.redirect(`/${token}/`));
  app.get(`/${token}/`, (context) => page(context, pages));
  app.get(`/${token}/assets/:name`, (context) => {
    const found = allowedAsset(pages, context.req.param("name"));
    return found ? sendFile(found, undefined, HASHED) : context.text("not found\n", 404);
  });
  return app;
}

function answerError(error: Error, context: Context): Response {
  if (!(error instanceof PenumbraError)) {
    process.stderr.write(`penumbra view: ${error.stack}\n`);
    return context.text("something broke; the terminal says where\n", 500);
  }
  return context.text(`${error.message}\n`, error instanceof NotThere ? 404 : 422);
}

type Allowed = (...wanted: Parameters<typeof allowedFile>) => Found | Promise<Found>;
type Found = AllowedFile | Refusal;

/** The file that the rest of a path names, if it may be had. */
async function requested(
  context: Context,
  prefix: string,
  allowed: (path: string) => Found | Promise<Found>,
) {
  const [, ...encoded] = new URL(context.req.url).pathname.slice(prefix.length).split("/");
  let path: string;
  try {
    path = encoded.map(decodeURIComponent).join("/");
  } catch {
    return context.text("not a path\n", 400);
  }
  const found = await allowed(path);
  if (found === "missing") return context.text("not found\n", 404);
  if (found === "forbidden")
    return context.text("forbidden: outside the run and data directories, or nothing to show\n", 403);
  return found;
}

function page(context: Context, pages: string): Response {
  const index = join(pages, "index.html");
  if (existsSync(index)) return context.html(readFileSync(index, "utf8"));
  return context.text("the viewer's pages are not built; build them with: npm run setup\n", 503);
}

const ASSET = /^[\w.-]+\.(js|css|svg|png|woff2|json|wasm)$/;

function allowedAsset(pages: string, name: string): { file: string; size: number } | null {
  const file = join(pages, "assets", name);
  return ASSET.test(name) && existsSync(file) ? { file, size: statSync(file).size } : null;
}

async function overviewOf(catalogue: Catalogue): Promise<Overview> {
  const problems = [...catalogue.problems];
  const runs: RunSummary[] = [];
  const data: DataSummary[] = [];
  for (const run of catalogue.runs) {
    try {
      runs.push(summaryOf(run, catalogue));
    } catch (error) {
      if (!problems.includes((error as Error).message)) problems.push((error as Error).message);
    }
  }
  for (const one of catalogue.data) {
    try {
      data.push(await dataSummary(one));
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  const { root, comparisons } = catalogue;
  return { root, version: packageVersion(), runs, data, comparisons, problems };
}
