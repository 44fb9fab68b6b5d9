import { useEffect, useRef, useState } from "preact/hooks";
import type { CaseRow, CaseTable, DataSummary, Overview, RunSummary } from "../../src/viewer/api.js";
import { CaseList } from "./case-list.js";
import { CaseView } from "./case-view.js";
import { onKeys } from "./keys.js";
import { hrefOf, type Route, replaceRoute } from "./route.js";
import { useFeed } from "./run-feed.js";
import { useAnswer, useKept } from "./server.js";
import { mayLeave } from "./unsaved.js";

interface CasesPageProps {
  readonly run: RunSummary | null;
  readonly data: DataSummary | null;
  readonly route: Route;
  readonly overview: Overview;
}

/** The list of cases beside the one that is open. */
export function CasesPage({ run, data, route, overview }: CasesPageProps) {
  const [saved, setSaved] = useState(0);
  const place = run
    ? `api/runs/${encodeURIComponent(run.id)}/cases`
    : `api/data/${encodeURIComponent(data!.id)}/cases`;
  const feed = useFeed([]);
  const done = feed.jobs.filter(({ state }) => state === "done" || state === "failed").length;
  const { value: table, error } = useAnswer<CaseTable>(place, saved + done);
  const kept = useKept(table);
  const [order, setOrder] = useState<readonly CaseRow[]>([]);
  const named = route.query.get("case");
  const last = useRef<string | null>(null);
  const rowOf = (id: string | null) => kept?.rows.find((row) => row.id === id);
  // stays open when the list is filtered or sorted otherwise; the list's first at the start
  const open = rowOf(named) ?? rowOf(last.current) ?? order[0] ?? null;
  last.current = open?.id ?? null;
  const hrefTo = (id: string) =>
    hrefOf(route.page, route.rest.length > 0 ? route.rest : [run?.id ?? data!.id], { case: id });
  const show = (id: string) => {
    if (mayLeave()) replaceRoute(hrefTo(id));
  };
  useEffect(
    () =>
      onKeys({
        j: () => step(order, open, 1, show),
        k: () => step(order, open, -1, show),
      }),
    [order, open?.id],
  );
  const classNames = run?.classNames ?? data!.classNames;
  const dataId = run ? run.data : data!.id;
  const dataName = overview.data.find(({ id }) => id === dataId)?.name ?? "";
  if (error && !kept) return <p class="alarm">{error}</p>;
  if (!kept) return <p class="empty">reading the list of cases …</p>;
  return (
    <main class="cases">
      <CaseList
        title={run?.name ?? dataName}
        table={kept}
        open={open?.id ?? null}
        show={show}
        hrefTo={hrefTo}
        onOrder={setOrder}
        start={route.query.get("split")}
      />
      {error && <p class="alarm">{error}</p>}
      {open && dataId !== null && (
        <CaseView
          key={open.id}
          row={open}
          run={run}
          dataId={dataId}
          classNames={classNames}
          jobs={feed.jobs}
          startDrawing={route.query.get("draw") !== null}
          onSaved={() => setSaved((before) => before + 1)}
        />
      )}
    </main>
  );
}

function step(order: readonly CaseRow[], open: CaseRow | null, by: number, show: (id: string) => void): void {
  const at = order.findIndex(({ id }) => id === open?.id);
  const next = order[at + by];
  if (next) show(next.id);
}
