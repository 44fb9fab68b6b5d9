import { useEffect, useRef, useState } from "preact/hooks";
import type { Job, LogPoint, ValidationPoint } from "../../src/viewer/api.js";

/** What is known of a run's logs so far. */
export interface RunLogs {
  readonly log: LogPoint[];
  readonly validation: ValidationPoint[];
}

export interface Feed {
  readonly runs: ReadonlyMap<string, RunLogs>;
  readonly jobs: readonly Job[];
  /** "reconnecting" while the server is not heard, "lost" when another one answers, which knows another token. */
  readonly state: "connecting" | "live" | "reconnecting" | "lost";
  /** Rises with every change. */
  readonly version: number;
}

interface Message<P> {
  readonly run: string;
  readonly anew: boolean;
  readonly points: readonly P[];
}

/**
 * Follows the logs of runs and the jobs while the page is looked at. One connection for all of them; where it is lost the
 * browser reconnects by itself and says where it was, so only what is new comes.
 */
export function useFeed(runIds: readonly string[]): Feed {
  const [feed, set] = useState<Feed>({ runs: new Map(), jobs: [], state: "connecting", version: 0 });
  const runs = useRef(new Map<string, RunLogs>());
  const key = runIds.join("\n");
  useEffect(() => {
    runs.current = new Map(key === "" ? [] : key.split("\n").map((id) => [id, { log: [], validation: [] }]));
    const search = new URLSearchParams([...runs.current.keys()].map((id) => ["run", id]));
    let source: EventSource | null = null;
    const change = (more: Partial<Feed>) =>
      set((before) => ({ ...before, ...more, runs: runs.current, version: before.version + 1 }));
    const take = (name: "log" | "validation") => (event: MessageEvent<string>) => {
      const { run, anew, points } = JSON.parse(event.data) as Message<LogPoint & ValidationPoint>;
      const logs = runs.current.get(run);
      if (!logs) return;
      if (anew) logs[name].length = 0;
      logs[name].push(...points);
      change({ state: "live" });
    };
    const listen = () => {
      const opened = new EventSource(`api/events?${search}`);
      opened.addEventListener("log", take("log"));
      opened.addEventListener("validation", take("validation"));
      opened.addEventListener("jobs", (event) => change({ jobs: JSON.parse(event.data), state: "live" }));
      opened.onopen = () => change({ state: "live" });
      opened.onerror = () =>
        change({ state: opened.readyState === EventSource.CLOSED ? "lost" : "reconnecting" });
      source = opened;
    };
    // a browser keeps six connections to a server: pages that nobody looks at leave theirs to the others
    const follow = () => {
      source?.close();
      source = null;
      if (document.hidden) return;
      for (const logs of runs.current.values()) logs.log.length = logs.validation.length = 0; // a new connection sends all
      listen();
    };
    follow();
    document.addEventListener("visibilitychange", follow);
    return () => {
      document.removeEventListener("visibilitychange", follow);
      source?.close();
    };
  }, [key]);
  return feed;
}
