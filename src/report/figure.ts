import { type Html, html, raw } from "./html.js";
import { STYLE } from "./style.js";

/** A picture with its words, for a page and for a file of its own alike. */
export interface Figure {
  readonly title: string;
  /** Said beside the title; "" for nothing. */
  readonly note: string;
  /** null: there was nothing to draw. */
  readonly drawing: Drawing | null;
  readonly keys: readonly Key[];
}

/** SVG elements on a canvas of width x height units, styled by the report's sheet. */
export interface Drawing {
  readonly width: number;
  readonly height: number;
  readonly body: Html;
}

/** A line of the legend; style: the classes of the line it explains. */
export interface Key {
  readonly name: string;
  readonly style: string;
}

const LEGEND = { columns: 4, row: 24 };

/** The figure as part of a page that has the report's sheet. */
export const figureInPage = ({ title, note, drawing, keys }: Figure): Html =>
  html`<figure class="chart"><figcaption>${title}${note !== "" && html` <small>(${note})</small>`}</figcaption>
${drawing ? html`<svg viewBox="0 0 ${drawing.width} ${drawing.height}" role="img" aria-label="${title}">${drawing.body}</svg>` : html`<p class="empty">No values to draw.</p>`}
${keys.length > 0 && html`<ul class="keys">${keys.map(keyInPage)}</ul>`}</figure>`;

const keyInPage = ({ name, style }: Key): Html =>
  html`<li><svg class="key" viewBox="0 0 28 8" aria-hidden="true"><path class="${style}" d="M1 4H27"/></svg>${name}</li>`;

/** The figure as an SVG file: drawing and legend with the report's sheet inside. null: there was nothing to draw. */
export function figureAsFile({ title, drawing, keys }: Figure): string | null {
  if (!drawing) return null;
  const { width, height, body } = drawing;
  const total = height + Math.ceil(keys.length / LEGEND.columns) * LEGEND.row;
  const legend = keys.map(({ name, style }, i) => {
    const x = 16 + ((i % LEGEND.columns) * (width - 16)) / LEGEND.columns;
    const y = height + (Math.floor(i / LEGEND.columns) + 0.5) * LEGEND.row;
    return html`<path class="${style}" d="M${x} ${y}h24"/><text x="${x + 30}" y="${y + 4}">${name}</text>`;
  });
  return html`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" width="${width}" height="${total}" role="img" aria-label="${title}" class="chart"><style>${raw(STYLE)}
text{fill:var(--ink);font:13px system-ui,sans-serif}</style><rect width="${width}" height="${total}" fill="var(--sheet)"/>${body}${legend}</svg>
`.markup;
}
