import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { badInput, PenumbraError } from "../errors.js";
import { guard, newToken } from "./access.js";
import { Catalogue } from "./catalogue.js";
import { Jobs } from "./jobs.js";

export interface ViewerOptions {
  /** A run, a data directory, or one above them. */
  readonly dir: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Built front end; left out: the package's own. */
  readonly pages?: string;
}

export interface Viewer {
  /** Address with the token: whoever has it can read and label what is served. */
  readonly url: string;
  close(): Promise<void>;
}

/** Only this machine can reach the loopback address. */
const LOOPBACK = "127.0.0.1";

/**
 * Serves the page about a run, several runs or a data directory until it is closed.
 * @throws PenumbraError "bad-input" for a directory with nothing to show; "environment" for a port that is taken.
 */
export async function startViewer({ dir, port, pages }: ViewerOptions): Promise<Viewer> {
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw badInput(`port ${port}: expected a whole number from 1 to 65535, or 0 for any free one`);
  // here, so that who imports the library for something else does not load a web server
  const [{ getRequestListener }, { routesOf }] = await Promise.all([
    import("@hono/node-server"),
    import("./routes.js"),
  ]);
  const catalogue = new Catalogue(dir);
  const jobs = new Jobs();
  const token = newToken();
  const server: Server = createServer((request, response) => answer(request, response));
  const portOf = () => (server.address() as AddressInfo).port;
  const app = routesOf({ catalogue, jobs, token, guard: guard(token, portOf), pages });
  const answer = getRequestListener(app.fetch);
  await listen(server, port);
  return {
    url: `http://${LOOPBACK}:${portOf()}/${token}/`,
    close: () =>
      new Promise((resolve) => {
        jobs.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => {
      const why = cause.code === "EADDRINUSE" ? "is taken" : `can't be used (${cause.code})`;
      const message = `port ${port} ${why}; name another with --port, or 0 for any free one`;
      reject(new PenumbraError("environment", message, { cause }));
    });
    server.listen(port, LOOPBACK, resolve);
  });
}
