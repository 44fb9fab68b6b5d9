import type { Overview } from "../../src/viewer/api.js";
import { CasesPage } from "./cases-page.js";
import { ComparisonPage } from "./comparison-page.js";
import { FeaturesPage } from "./features-page.js";
import { LabelNextPage } from "./label-next-page.js";
import { OverviewPage } from "./overview-page.js";
import { hrefOf, type Route, useRoute } from "./route.js";
import { useAnswer, useKept, useTicks } from "./server.js";
import { type Theme, useTheme } from "./theme.js";
import { TrainingPage } from "./training-page.js";

/** Runs come and end while a page is open. */
const LOOK_EVERY_MS = 15_000;

const THEME_NAMES: Record<Theme, string> = { auto: "as the system", dark: "dark", light: "light" };
const THEME_SIGNS: Record<Theme, string> = { auto: "◐", dark: "●", light: "○" };

export function App() {
  const route = useRoute();
  const { theme, next, dark } = useTheme();
  const looks = useTicks(LOOK_EVERY_MS);
  const { value, error } = useAnswer<Overview>("api/overview", `${route.page} ${looks}`);
  const overview = useKept(value);
  return (
    <>
      <header class="topbar">
        <a class="mark" href="#/">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <defs>
              <radialGradient id="penumbra">
                <stop offset="0.45" stop-color="var(--reference)" />
                <stop offset="1" stop-color="var(--reference)" stop-opacity="0" />
              </radialGradient>
            </defs>
            <circle cx="16" cy="16" r="16" fill="url(#penumbra)" />
            <circle cx="16" cy="16" r="7.5" fill="var(--prediction)" />
          </svg>
          Penumbra
        </a>
        {overview && <Tabs route={route} overview={overview} />}
        <button type="button" class="plain" onClick={next} title={`colours: ${THEME_NAMES[theme]}`}>
          {THEME_SIGNS[theme]} {theme}
        </button>
      </header>
      {error && <p class="alarm">{error}</p>}
      {overview && <Page route={route} overview={overview} dark={dark} />}
    </>
  );
}

/** The run that a page is about: the one in the address, else the newest with a model, else the newest. */
function runOf({ rest }: Route, { runs }: Overview): string | null {
  const named = runs.find(({ id }) => id === rest[0]);
  const newest = [...runs].sort((a, b) => b.created.localeCompare(a.created));
  return (named ?? newest.find(({ state }) => state === "finished") ?? newest[0])?.id ?? null;
}

function Tabs({ route, overview }: { route: Route; overview: Overview }) {
  const run = runOf(route, overview);
  const ofRun = run === null ? [] : [run];
  const tabs = [
    ["", "Overview", "#/"],
    ...(run === null
      ? []
      : [
          ["training", "Training", hrefOf("training", [], { run: ofRun })],
          ["cases", "Cases", hrefOf("cases", ofRun)],
          ["features", "Features", hrefOf("features", ofRun)],
          ["next", "Label next", hrefOf("next", ofRun)],
        ]),
    ...(overview.comparisons.length > 0 ? [["comparison", "Comparison", hrefOf("comparison")]] : []),
  ];
  return (
    <nav>
      {tabs.map(([page, name, href]) => (
        <a key={page} href={href} aria-current={route.page === page ? "page" : undefined}>
          {name}
        </a>
      ))}
    </nav>
  );
}

function Page({ route, overview, dark }: { route: Route; overview: Overview; dark: boolean }) {
  const run = overview.runs.find(({ id }) => id === runOf(route, overview)) ?? null;
  switch (route.page) {
    case "training":
      return <TrainingPage overview={overview} selected={route.query.getAll("run")} dark={dark} />;
    case "cases":
      return run && <CasesPage key={run.id} run={run} data={null} route={route} overview={overview} />;
    case "data": {
      const data = overview.data.find(({ id }) => id === route.rest[0]) ?? null;
      return data && <CasesPage key={data.id} run={null} data={data} route={route} overview={overview} />;
    }
    case "features":
      return run && <FeaturesPage key={run.id} run={run} overview={overview} dark={dark} />;
    case "next":
      return run && <LabelNextPage key={run.id} run={run} overview={overview} />;
    case "comparison":
      return <ComparisonPage overview={overview} id={route.rest[0] ?? null} dark={dark} />;
    default:
      return <OverviewPage overview={overview} />;
  }
}
