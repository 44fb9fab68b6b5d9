import type { Html } from "./html.js";
import { STYLE } from "./style.js";

/** A chart's picture as an SVG file of its own: the report's style inside, on paper that follows the viewer's. */
export function pictureFile({ markup }: Html): string {
  const [svg, width, height] = /<svg viewBox="0 0 (\d+) (\d+)" role="img"[\s\S]*?<\/svg>/.exec(markup) ?? [];
  if (!svg) throw new Error("pictureFile: no picture in this chart");
  const opening = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" class="chart" `;
  const ground = `<style>${STYLE}</style><rect width="${width}" height="${height}" fill="var(--sheet)"/>`;
  return svg.replace("<svg ", opening).replace(">", `>${ground}`);
}
