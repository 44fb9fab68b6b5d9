/** Levenshtein distance: insertions, deletions and replacements from `a` to `b`. "kitten" to "sitting": 3. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(replaced, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}

const lastPart = (name: string) => name.slice(name.lastIndexOf(".") + 1);

/** The name nearest to `wrong`; a dotted name whose last part is `wrong`'s counts as one edit away. */
export function nearestName(wrong: string, names: readonly string[]): string {
  const cost = (name: string) =>
    Math.min(editDistance(wrong, name), editDistance(lastPart(wrong), lastPart(name)) + 1);
  return names.reduce((best, name) => (cost(name) < cost(best) ? name : best));
}
