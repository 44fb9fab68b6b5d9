import { useState } from "preact/hooks";
import type { CaseRow, Job, RunSummary } from "../../src/viewer/api.js";
import { ask } from "./server.js";

interface MapsPanelProps {
  readonly run: RunSummary;
  readonly row: CaseRow;
  readonly jobs: readonly Job[];
}

/** Has the run's model segment this case, with uncertainty and samples, where they are not there yet. */
export function MapsPanel({ run, row, jobs }: MapsPanelProps) {
  const [problem, setProblem] = useState<string | null>(null);
  const job = jobs.findLast(
    ({ kind, subject, run: of }) => kind === "maps" && subject === row.id && of === run.id,
  );
  const busy = job?.state === "waiting" || job?.state === "running";
  const { uncertainty, samples } = row.layers;
  if (uncertainty && (samples.length > 0 || !run.stochastic)) return null;
  const order = () => {
    setProblem(null);
    const path = `api/runs/${encodeURIComponent(run.id)}/cases/${encodeURIComponent(row.id)}/maps`;
    ask(path, { method: "POST" }).catch((error: Error) => setProblem(error.message));
  };
  const what = run.stochastic ? "uncertainty and samples" : "uncertainty";
  return (
    <fieldset class="panel">
      <legend>Model</legend>
      <button type="button" class="button" disabled={busy || run.state !== "finished"} onClick={order}>
        {busy ? "segmenting …" : `compute ${what}`}
      </button>
      {run.state !== "finished" && <p class="small soft">There is no finished model in this run yet.</p>}
      {!run.stochastic && (
        <p class="small soft">The baseline learns no distribution, so it has no samples.</p>
      )}
      {job && job.state !== "done" && <p class="small soft">{job.line}</p>}
      {problem && <p class="alarm">{problem}</p>}
    </fieldset>
  );
}
