import type { ComponentChildren } from "preact";
import type { Overview } from "../../src/viewer/api.js";
import { hrefOf } from "./route.js";

interface RunChipsProps {
  readonly overview: Overview;
  readonly page: "features" | "next";
  /** Id of the run that the page is about. */
  readonly run: string;
  readonly children?: ComponentChildren;
}

/** The runs that a page could be about, as links. */
export function RunChips({ overview, page, run, children }: RunChipsProps) {
  return (
    <div class="chips">
      {overview.runs.map(({ id, name }) => (
        <a key={id} class="chip" aria-current={id === run ? "true" : undefined} href={hrefOf(page, [id])}>
          {name}
        </a>
      ))}
      {children}
    </div>
  );
}
