import type { Evaluation } from "../metrics/score.js";

export type Why = "best" | "median" | "worst";

/** Mean Dice over the classes of each case, best first; ties in the order of the evaluation. */
export function rankCases({ cases }: Pick<Evaluation, "cases">): { id: string; dice: number }[] {
  const ids = [...new Set(cases.map(({ id }) => id))];
  const ranked = ids.map((id) => {
    const rows = cases.filter((row) => row.id === id);
    return { id, dice: rows.reduce((sum, row) => sum + row.dice, 0) / rows.length };
  });
  return ranked.sort((a, b) => b.dice - a.dice);
}

/** Best, median (of an even number the better one) and worst case by mean Dice; never one twice. */
export function pickShown(evaluation: Pick<Evaluation, "cases">): { why: Why; id: string }[] {
  const ranked = rankCases(evaluation);
  const picks: [Why, number][] = [
    ["best", 0],
    ["worst", ranked.length - 1],
    ["median", Math.floor((ranked.length - 1) / 2)],
  ];
  const chosen = new Map<number, Why>();
  for (const [why, rank] of picks) if (ranked[rank] && !chosen.has(rank)) chosen.set(rank, why);
  return [...chosen].sort(([a], [b]) => a - b).map(([rank, why]) => ({ why, id: ranked[rank]!.id }));
}
