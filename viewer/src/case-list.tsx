import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { CaseRow, CaseTable, Split } from "../../src/viewer/api.js";
import { opensElsewhere } from "./unsaved.js";

interface CaseListProps {
  readonly title: string;
  readonly table: CaseTable;
  readonly open: string | null;
  readonly show: (id: string) => void;
  readonly hrefTo: (id: string) => string;
  readonly onOrder: (rows: readonly CaseRow[]) => void;
  readonly start: string | null;
}

/** A column of numbers; `worst` says which end of it is bad. */
interface Column {
  readonly name: string;
  readonly title: string;
  readonly worst: "low" | "high";
  readonly value: (row: CaseRow) => number | null;
  readonly text: (value: number) => string;
}

const SPLITS: readonly Split[] = ["test", "unlabeled", "labeled"];
const percent = (value: number) => (100 * value).toFixed(1);
const oneDigit = (value: number) => value.toFixed(1);

const mean = (row: CaseRow, key: "dice" | "hd95" | "asd", only: string | null): number | null => {
  const scores = row.scores
    .filter((score) => only === null || score.class === only)
    .map((score) => score[key]);
  const there = scores.filter((value) => value !== null);
  return there.length === 0 ? null : there.reduce((sum, value) => sum + value, 0) / there.length;
};

function columnsFor({ unit, rows }: CaseTable, only: string | null): Column[] {
  const columns: Column[] = [
    { name: "Dice", title: "Dice, %", worst: "low", value: (row) => mean(row, "dice", only), text: percent },
    {
      name: "95HD",
      title: `95 % Hausdorff distance, ${unit}`,
      worst: "high",
      value: (row) => mean(row, "hd95", only),
      text: oneDigit,
    },
    {
      name: "ASD",
      title: `average surface distance, ${unit}`,
      worst: "high",
      value: (row) => mean(row, "asd", only),
      text: oneDigit,
    },
    {
      name: "doubt",
      title: "entropy per foreground voxel, nats",
      worst: "high",
      value: (row) => row.rank?.value ?? null,
      text: (value) => value.toFixed(2),
    },
  ];
  return columns.filter(({ value }) => rows.some((row) => value(row) !== null));
}

/** Worst first, cases without the value last. */
function sorted(rows: readonly CaseRow[], column: Column | undefined, backwards: boolean): CaseRow[] {
  if (!column) return [...rows].sort((a, b) => (backwards ? -1 : 1) * a.id.localeCompare(b.id));
  const sign = (column.worst === "low" ? 1 : -1) * (backwards ? -1 : 1);
  return [...rows].sort((a, b) => {
    const [x, y] = [column.value(a), column.value(b)];
    if (x === null || y === null) return (x === null ? 1 : 0) - (y === null ? 1 : 0);
    return sign * (x - y);
  });
}

export function CaseList({ title, table, open, show, hrefTo, onOrder, start }: CaseListProps) {
  const [split, setSplit] = useState<Split | "all">(SPLITS.find((one) => one === start) ?? "all");
  const [only, setOnly] = useState<string | null>(null);
  const [sortBy, setSortBy] = useState<string>("Dice");
  const [backwards, setBackwards] = useState(false);
  const [limit, setLimit] = useState<string>("");
  const [text, setText] = useState("");
  const classes = [...new Set(table.rows.flatMap(({ scores }) => scores.map((score) => score.class)))];
  const inSplit = table.rows.filter((row) => split === "all" || row.split === split);
  const columns = columnsFor({ ...table, rows: inSplit }, only);
  const column = columns.find(({ name }) => name === sortBy) ?? (sortBy === "case" ? undefined : columns[0]);
  const rows = useMemo(() => {
    const bound = limit === "" ? null : Number(limit);
    const kept = inSplit.filter((row) => {
      if (!row.id.toLowerCase().includes(text.toLowerCase())) return false;
      if (bound === null || !column) return true;
      const value = column.value(row);
      if (value === null) return false;
      const shown = Number(column.text(value));
      return column.worst === "low" ? shown <= bound : shown >= bound;
    });
    return sorted(kept, column, backwards);
  }, [table, split, only, sortBy, backwards, limit, text]);
  useEffect(() => onOrder(rows), [rows]);
  const tabStop = (rows.find(({ id }) => id === open) ?? rows[0])?.id;
  const sortOn = (name: string) => {
    setBackwards(name === (column?.name ?? "case") ? !backwards : false);
    setSortBy(name);
  };
  const arrow = (name: string) => (name === (column?.name ?? "case") ? (backwards ? " ↑" : " ↓") : "");
  const counts = (one: Split) => table.rows.filter((row) => row.split === one).length;
  return (
    <aside class="list">
      <h2>{title}</h2>
      <div class="tabs" role="group" aria-label="cases">
        {(["all", ...SPLITS] as const)
          .filter((one) => one === "all" || counts(one) > 0)
          .map((one) => (
            <button key={one} type="button" aria-pressed={split === one} onClick={() => setSplit(one)}>
              {one} <small>{one === "all" ? table.rows.length : counts(one)}</small>
            </button>
          ))}
      </div>
      <div class="filters">
        <input
          type="search"
          placeholder="name"
          aria-label="name contains"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        {classes.length > 1 && (
          <select aria-label="class" onChange={(event) => setOnly(event.currentTarget.value || null)}>
            <option value="">all classes</option>
            {classes.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        )}
        {column && (
          <label
            title={`show cases with ${column.title} ${column.worst === "low" ? "at most" : "at least"} this`}
          >
            {column.name} {column.worst === "low" ? "≤" : "≥"}
            <input
              type="number"
              step="any"
              aria-label={`${column.name} limit`}
              value={limit}
              onInput={(event) => setLimit(event.currentTarget.value)}
            />
          </label>
        )}
      </div>
      <div class="rows">
        <table>
          <thead>
            <tr>
              <th>
                <button type="button" onClick={() => sortOn("case")}>
                  case{arrow("case")}
                </button>
              </th>
              {columns.map(({ name, title: hint }) => (
                <th key={name}>
                  <button
                    type="button"
                    title={`${hint}; worst first, again: best first`}
                    onClick={() => sortOn(name)}
                  >
                    {name}
                    {arrow(name)}
                  </button>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row
                key={`${row.split} ${row.id}`}
                row={row}
                columns={columns}
                open={row.id === open}
                isTabStop={row.id === tabStop}
                show={show}
                hrefTo={hrefTo}
                splitShown={split === "all"}
              />
            ))}
          </tbody>
        </table>
        {rows.length === 0 && <p class="empty">No case fits.</p>}
      </div>
    </aside>
  );
}

interface RowProps {
  readonly row: CaseRow;
  readonly columns: readonly Column[];
  readonly open: boolean;
  /** Of all rows one is in the order of Tab; j and k lead to the others. */
  readonly isTabStop: boolean;
  readonly show: (id: string) => void;
  readonly hrefTo: (id: string) => string;
  readonly splitShown: boolean;
}

function Row({ row, columns, open, isTabStop, show, hrefTo, splitShown }: RowProps) {
  const element = useRef<HTMLTableRowElement>(null);
  useEffect(() => {
    if (open) element.current?.scrollIntoView({ block: "nearest" });
  }, [open]);
  return (
    <tr ref={element} aria-current={open ? "true" : undefined} onClick={() => show(row.id)}>
      <td title={`${row.id}, ${row.split}`}>
        <a
          href={hrefTo(row.id)}
          tabIndex={isTabStop ? 0 : -1}
          onClick={(event) => (opensElsewhere(event) ? event.stopPropagation() : event.preventDefault())}
        >
          {row.id}
        </a>
        <small class="soft">
          {splitShown && ` ${row.split}`}
          {row.corrected > 0 && <b class="mark-corrected"> · corrected v{row.corrected}</b>}
        </small>
      </td>
      {columns.map(({ name, value, text }) => {
        const number = value(row);
        const bar = name === "Dice" && number !== null ? { "--part": 100 * number } : {};
        return (
          <td key={name} class={name === "Dice" ? "bar" : ""} style={bar}>
            {number === null ? "–" : text(number)}
          </td>
        );
      })}
    </tr>
  );
}
