import type { Html } from "./html.js";
import { STYLE } from "./style.js";

const DRAWING = /<svg viewBox="0 0 (\d+) (\d+)" (role="img" aria-label="[^"]*")>([\s\S]*?)<\/svg>/;
const KEY = /<path class="(line s\d+)"[^>]*\/><\/svg>([^<]*)<\/li>/g;
const LEGEND = { columns: 4, row: 24 };

/** A chart as an SVG file of its own: its picture and legend, with the report's style inside. */
export function pictureFile({ markup }: Html): string {
  const [, width, height, role, drawing] = DRAWING.exec(markup) ?? [];
  if (drawing === undefined) throw new Error("pictureFile: no picture in this chart");
  const keys = [...markup.matchAll(KEY)];
  const total = Number(height) + Math.ceil(keys.length / LEGEND.columns) * LEGEND.row;
  const legend = keys.map(([, line, name], i) => {
    const x = 16 + ((i % LEGEND.columns) * (Number(width) - 16)) / LEGEND.columns;
    const y = Number(height) + (Math.floor(i / LEGEND.columns) + 0.5) * LEGEND.row;
    return `<path class="${line}" d="M${x} ${y}h24"/><text x="${x + 30}" y="${y + 4}">${name}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" ${role} class="chart"><style>${STYLE}
text{fill:var(--ink);font:13px system-ui,sans-serif}</style><rect width="${width}" height="${total}" fill="var(--sheet)"/>${drawing}${legend.join("")}</svg>
`;
}
