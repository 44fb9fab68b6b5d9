import { randomBytes, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";

/** 144 random bits as part of a URL. */
export const newToken = (): string => randomBytes(18).toString("base64url");

const sameText = (a: string, b: string): boolean => {
  const [x, y] = [Buffer.from(a), Buffer.from(b)];
  return x.length === y.length && timingSafeEqual(x, y);
};

/** What a page of ours may load: its own files and what it makes itself, nothing from elsewhere. */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "connect-src 'self' data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** `report.html` carries its pictures and style in itself. */
const REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'";

/**
 * Lets a request in when it names this machine as its host (so that a foreign page whose name was pointed here gets
 * nothing), its path begins with the token, and it does not come from another site's page.
 */
export function guard(token: string, port: () => number): MiddlewareHandler {
  return async (context, next) => {
    // a browser leaves out the port that is usual
    const hosts = ["127.0.0.1", "localhost"].map((name) => (port() === 80 ? name : `${name}:${port()}`));
    const origin = context.req.header("origin");
    const foreign = origin !== undefined && !hosts.some((host) => origin === `http://${host}`);
    const path = new URL(context.req.url).pathname;
    const given = path.split("/")[1] ?? "";
    if (!hosts.includes(context.req.header("host") ?? "") || foreign)
      return context.text("forbidden: penumbra view answers its own machine only\n", 403);
    if (!sameText(given, token))
      return context.text("forbidden: open the address that penumbra view printed\n", 403);
    await next();
    context.header("Content-Security-Policy", path.endsWith(".html") ? REPORT_POLICY : CONTENT_POLICY);
    context.header("X-Content-Type-Options", "nosniff");
    context.header("Referrer-Policy", "no-referrer");
    context.header("Cross-Origin-Resource-Policy", "same-origin");
    context.header("Cross-Origin-Opener-Policy", "same-origin");
  };
}
