import { useEffect, useMemo, useState } from "preact/hooks";

/** Asks the server; what it refuses is an Error with its own line. */
export async function ask<T>(path: string, options?: RequestInit): Promise<T> {
  const answer = await fetch(path, options).catch(() => {
    throw new Error("the server does not answer: is penumbra view still running?");
  });
  if (!answer.ok) throw new Error((await answer.text()).trim() || `${answer.status} ${answer.statusText}`);
  return (await answer.json()) as T;
}

/** What an address holds, asked again whenever the address or `version` changes. */
export function useAnswer<T>(
  path: string | null,
  version: unknown = 0,
): { value: T | null; error: string | null } {
  const [state, set] = useState<{ path: string | null; value: T | null; error: string | null }>({
    path: null,
    value: null,
    error: null,
  });
  useEffect(() => {
    if (path === null) return;
    let current = true;
    ask<T>(path).then(
      (value) => current && set({ path, value, error: null }),
      (error: Error) => current && set({ path, value: null, error: error.message }),
    );
    return () => {
      current = false;
    };
  }, [path, version]);
  return state.path === path ? state : { value: null, error: null };
}

/** The last answer while a newer one is asked for or none comes, so that nothing flickers or goes. */
export function useKept<T>(value: T | null): T | null {
  const [kept, keep] = useState(value);
  useEffect(() => {
    if (value !== null) keep(() => value);
  }, [value]);
  return useMemo(() => value ?? kept, [value, kept]);
}

/** Counts up every so many milliseconds, where that is wanted. */
export function useTicks(everyMs: number, wanted = true): number {
  const [ticks, tick] = useState(0);
  useEffect(() => {
    if (!wanted) return;
    const timer = setInterval(() => tick((before) => before + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs, wanted]);
  return ticks;
}
