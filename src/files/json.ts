/** Far deeper than anything that is read or written here; far from where walking it would run out of stack. */
const MAX_DEPTH = 64;

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const OPENING = new Set([0x5b, 0x7b]);
const CLOSING = new Set([0x5d, 0x7d]);

/** How deep lists and objects of a JSON text nest, up to where that is too deep. */
function depthOf(text: string): number {
  let [depth, deepest, inString] = [0, 0, false];
  for (let i = 0; i < text.length && deepest <= MAX_DEPTH; i++) {
    const letter = text.charCodeAt(i);
    if (letter === QUOTE) inString = !inString;
    else if (inString) i += letter === BACKSLASH ? 1 : 0;
    else if (OPENING.has(letter)) deepest = Math.max(deepest, ++depth);
    else if (CLOSING.has(letter)) depth--;
  }
  return deepest;
}

/** JSON that anyone may have written. @throws SyntaxError for what is none, and for lists in lists in lists without an end */
export function parseJson(text: string): unknown {
  if (depthOf(text) > MAX_DEPTH) throw new SyntaxError(`it nests more than ${MAX_DEPTH} levels deep`);
  return JSON.parse(text);
}
