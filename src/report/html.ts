/** Markup that is safe to put in a page as it is. */
export interface Html {
  readonly markup: string;
}

/** What a template takes: text and numbers are escaped, markup and lists of it are not; null and false vanish. */
export type HtmlValue = string | number | Html | readonly Html[] | null | false;

const ESCAPES: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for an element's content or a quoted attribute. */
export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ESCAPES[character]!);

/** Template tag for HTML and SVG: html`<b>${text}</b>` escapes the text. Attributes must be quoted. */
export const html = (literals: TemplateStringsArray, ...values: HtmlValue[]): Html => ({
  markup: literals.reduce((markup, literal, i) => markup + toMarkup(values[i - 1]!) + literal),
});

/** Markup from elsewhere, taken as it is: style sheets and data the program made itself. */
export const raw = (markup: string): Html => ({ markup });

function toMarkup(value: HtmlValue): string {
  if (value === null || value === false) return "";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return escapeHtml(value);
  if ("markup" in value) return value.markup;
  return value.map((part) => part.markup).join("");
}
