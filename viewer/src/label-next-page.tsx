import { useEffect, useState } from "preact/hooks";
import type { CaseTable, Job, Overview, RunSummary } from "../../src/viewer/api.js";
import { hrefOf } from "./route.js";
import { RunChips } from "./run-chips.js";
import { useFeed } from "./run-feed.js";
import { ask, useAnswer } from "./server.js";

/** Unlabeled cases, those the model is least sure of first. */
export function LabelNextPage({ run, overview }: { run: RunSummary; overview: Overview }) {
  const feed = useFeed([]);
  const job = feed.jobs.findLast(({ kind, run: of }) => kind === "ranking" && of === run.id);
  const [version, setVersion] = useState(0);
  const { value: table, error } = useAnswer<CaseTable>(
    run.data === null ? null : `api/runs/${encodeURIComponent(run.id)}/cases`,
    version,
  );
  useEffect(() => setVersion((before) => before + 1), [job?.line]);
  const data = overview.data.find(({ id }) => id === run.data);
  const unlabeled = (table?.rows ?? []).filter(({ split }) => split === "unlabeled");
  const ranked = unlabeled.filter(({ rank }) => rank !== null).sort((a, b) => a.rank!.place - b.rank!.place);
  const highest = Math.max(...ranked.map(({ rank }) => rank!.value), 1e-9);
  const corrected = (table?.rows ?? []).filter((row) => row.corrected > 0);
  return (
    <main class="sheet">
      <h1>Label next</h1>
      <RunChips overview={overview} page="next" run={run.id} />
      <p>
        {unlabeled.length} unlabeled cases of {data?.name ?? "its data"}, ranked by the doubt of{" "}
        <b>{run.name}</b>.
      </p>
      {error && <p class="alarm">{error}</p>}
      <p class="rule">
        {table?.rule
          ? `Ranked by ${table.rule}.`
          : "Not ranked yet. The rule: entropy per voxel of predicted foreground, highest first."}
      </p>
      <RankButton run={run} job={job} />
      {ranked.length > 0 && (
        <ol class="ranking">
          {ranked.map(({ id, rank, corrected: version }) => (
            <li key={id}>
              <a href={hrefOf("cases", [run.id], { case: id, split: "unlabeled", draw: "1" })}>{id}</a>
              <span class="meter">
                <i style={{ width: `${(100 * rank!.value) / highest}%` }} />
              </span>
              <span class="number">{rank!.value.toFixed(3)}</span>
              <span class="soft">{version > 0 ? `labeled, v${version}` : ""}</span>
            </li>
          ))}
        </ol>
      )}
      {corrected.length > 0 && data && (
        <section>
          <h2>Corrected</h2>
          <p>
            {corrected.length} {corrected.length === 1 ? "case has" : "cases have"} a drawn label. The next
            training uses the newest version of each:
          </p>
          <pre>penumbra train --data {data.dir} --out NEW-RUN</pre>
          <ul>
            {corrected.map(({ id, corrected: version }) => (
              <li key={id}>
                <a href={hrefOf("cases", [run.id], { case: id })}>{id}</a> v{version}
              </li>
            ))}
          </ul>
        </section>
      )}
    </main>
  );
}

function RankButton({ run, job }: { run: RunSummary; job: Job | undefined }) {
  const [problem, setProblem] = useState<string | null>(null);
  const busy = job?.state === "waiting" || job?.state === "running";
  const order = () =>
    ask(`api/runs/${encodeURIComponent(run.id)}/ranking`, { method: "POST" }).then(
      () => setProblem(null),
      (error: Error) => setProblem(error.message),
    );
  return (
    <p>
      <button type="button" class="button" disabled={busy || run.state !== "finished"} onClick={order}>
        {busy ? "ranking …" : "rank now"}
      </button>{" "}
      <span class="soft">{job && job.state !== "done" ? job.line : ""}</span>
      {problem && <span class="alarm">{problem}</span>}
    </p>
  );
}
