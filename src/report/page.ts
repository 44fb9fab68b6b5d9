import { type Html, html, raw } from "./html.js";
import { STYLE } from "./style.js";

/** The policy a browser holds the page to: nothing is fetched and no script runs. */
const POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

export interface PageOptions {
  readonly title: string;
  /** Name and value of what a reader must know: data, method, iterations, seed, ... */
  readonly facts: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

/** One HTML file that needs nothing else: title, facts, notes and a body; dark or light as the reader's system asks. */
export function renderPage({ title, facts, notes }: PageOptions, body: Html): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}"><title>${title}</title><style>${raw(STYLE)}</style></head>
<body><main><h1>${title}</h1>
<dl class="facts">${Object.entries(facts).map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
${notes.length > 0 && html`<ul class="notes">${notes.map((note) => html`<li>${note}</li>`)}</ul>`}
${body}
</main></body></html>
`;
  return page.markup;
}
