import type { Page } from "playwright-core";
import { openChromium } from "../scripts/chromium.mjs";

export { CHROMIUM, hasBrowser } from "../scripts/chromium.mjs";

export interface Browser {
  readonly page: Page;
  /** Errors of the pages' console, uncaught errors, failed requests, and requests to anywhere else. */
  readonly complaints: string[];
  close(): Promise<void>;
}

/** A browser with a new, empty profile. */
export async function openBrowser(base: string, size = { width: 1280, height: 800 }): Promise<Browser> {
  const { page, close } = await openChromium({ size });
  page.setDefaultTimeout(30_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error.stack)));
  page.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(base))
      complaints.push(`asked for ${request.url()}`);
  });
  return { page, complaints, close };
}
