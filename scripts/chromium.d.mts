import type { Page } from "playwright-core";

export declare const CHROMIUM: string;
export declare const hasBrowser: boolean;
export declare function openChromium(options?: {
  readonly size?: { readonly width: number; readonly height: number };
  readonly colours?: "dark" | "light";
  readonly scale?: number;
}): Promise<{ page: Page; close: () => Promise<void> }>;
