import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { CaseRow, Job, RunSummary } from "../../src/viewer/api.js";
import { ClassPanel } from "./class-panel.js";
import { DrawPanel } from "./draw-panel.js";
import { onKeys } from "./keys.js";
import { LayerPanel } from "./layer-panel.js";
import { MapsPanel } from "./maps-panel.js";
import { SamplePlayer } from "./sample-player.js";
import { type Location, Scene } from "./scene.js";
import {
  LAYERS,
  type LayerName,
  type LayerState,
  type Layout,
  type SceneState,
  START,
} from "./scene-state.js";
import { useAnswer } from "./server.js";
import { ShortcutList } from "./shortcut-list.js";
import { mayLeave } from "./unsaved.js";
import { WindowPanel } from "./window-panel.js";

interface CaseViewProps {
  readonly row: CaseRow;
  readonly run: RunSummary | null;
  readonly dataId: string;
  readonly classNames: readonly string[];
  readonly jobs: readonly Job[];
  readonly startDrawing: boolean;
  readonly onSaved: () => void;
}

interface CaseGrid {
  readonly grid: {
    readonly shape: readonly [number, number, number];
    readonly spacingMm: readonly number[] | null;
  };
}

const LAYOUTS: readonly Layout[] = ["all", "axial", "coronal", "sagittal", "3d"];
const layoutAfter = (layout: Layout): Layout => LAYOUTS[(LAYOUTS.indexOf(layout) + 1) % LAYOUTS.length]!;
/** What was chosen stays when the next case opens. */
let lastState: SceneState = START;
let lastClasses = "";
const stateFor = (classNames: readonly string[]): SceneState =>
  lastClasses === classNames.join() ? lastState : { ...lastState, hidden: [] };

export function CaseView({ row, run, dataId, classNames, jobs, startDrawing, onSaved }: CaseViewProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const lines = useRef<HTMLCanvasElement>(null);
  const [scene, setScene] = useState<Scene | null>(null);
  const [state, setState] = useState<SceneState>(() => stateFor(classNames));
  const [location, setLocation] = useState<Location | null>(null);
  const [status, setStatus] = useState<{ text: string; part: number | null } | null>(null);
  const [levels, setLevels] = useState<readonly [number, number]>([0, 1]);
  const [drawing, setDrawing] = useState(startDrawing);
  const [help, setHelp] = useState(false);
  const caseUrl = `api/data/${encodeURIComponent(dataId)}/cases/${encodeURIComponent(row.id)}`;
  const { value: info, error } = useAnswer<CaseGrid>(caseUrl);

  useEffect(() => {
    const made = new Scene(canvas.current!, lines.current!, {
      onLocation: setLocation,
      onStatus: (text, part = null) => setStatus(text === null ? null : { text, part }),
      onWindow: (low, high, dragged) => {
        setLevels([low, high]);
        if (dragged) setState((before) => ({ ...before, window: [low, high] }));
      },
    });
    setScene(made);
    Object.assign(globalThis, { scene: made }); // for tests and the console
    return () => made.close();
  }, []);

  const [opened, setOpened] = useState(false);
  const layersKey = JSON.stringify(row.layers);
  useEffect(() => {
    if (!scene) return;
    if (opened)
      scene.relayer(row.layers).catch((reason: Error) => setStatus({ text: reason.message, part: null }));
    else void scene.open(row.layers, classNames).then((isThere) => isThere && setOpened(true));
  }, [scene, layersKey]);

  useEffect(() => {
    lastState = { ...state, window: null, sample: 0 };
    lastClasses = classNames.join();
    scene?.update(state).catch((reason: Error) => setStatus({ text: reason.message, part: null }));
  }, [scene, state]);

  const patch = useCallback(
    (more: Partial<SceneState>) => setState((before) => ({ ...before, ...more })),
    [],
  );
  const setLayer = useCallback(
    (name: LayerName, more: Partial<LayerState>) =>
      setState((before) => ({
        ...before,
        layers: { ...before.layers, [name]: { ...before.layers[name], ...more } },
      })),
    [],
  );
  const toggleLayer = useCallback(
    (name: LayerName) =>
      setState((before) => {
        const layer = { ...before.layers[name], on: !before.layers[name].on };
        return { ...before, layers: { ...before.layers, [name]: layer } };
      }),
    [],
  );
  const toggleDrawing = () => {
    if (mayLeave()) setDrawing((before) => !before);
  };
  useEffect(() => {
    const move = (x: number, y: number, z: number) => scene?.nv.moveCrosshairInVox(x, y, z);
    const toggles = LAYERS.map((name, i) => [String(i + 1), () => toggleLayer(name)]);
    return onKeys({
      ...Object.fromEntries(toggles),
      ArrowLeft: () => move(1, 0, 0),
      ArrowRight: () => move(-1, 0, 0),
      ArrowUp: () => move(0, 1, 0),
      ArrowDown: () => move(0, -1, 0),
      PageUp: () => move(0, 0, 1),
      PageDown: () => move(0, 0, -1),
      l: () => setState((before) => ({ ...before, layout: layoutAfter(before.layout) })),
      a: () => patch({ window: null }),
      x: () => setState((before) => ({ ...before, crosshair: !before.crosshair })),
      d: toggleDrawing,
      "?": () => setHelp((before) => !before),
      Escape: () => setHelp(false),
    });
  }, [scene]);

  return (
    <section class="case">
      <header>
        <h2>{row.id}</h2>
        <span class="soft">
          {row.split}
          {info && ` · ${[...info.grid.shape].reverse().join(" × ")}`}
          {info?.grid.spacingMm &&
            ` · ${[...info.grid.spacingMm]
              .reverse()
              .map((mm) => Number(mm.toFixed(3)))
              .join(" × ")} mm`}
        </span>
        {row.scores.length > 0 && (
          <span class="score">
            {row.scores.length > 1 && "mean "}Dice <b>{(100 * meanDice(row)).toFixed(1)}</b>
            {row.scoredBefore && <small> against the label before v{row.corrected}</small>}
          </span>
        )}
        <div class="tabs push" role="group" aria-label="layout">
          {LAYOUTS.map((layout) => (
            <button
              key={layout}
              type="button"
              aria-pressed={state.layout === layout}
              onClick={() => patch({ layout })}
            >
              {layout === "3d" ? "3-D" : layout}
            </button>
          ))}
          <button type="button" aria-pressed={help} onClick={() => setHelp(!help)} title="keys">
            ?
          </button>
        </div>
      </header>
      <div class="stage">
        <canvas
          ref={canvas}
          class="volume"
          role="img"
          aria-label={`slices and 3-D of ${row.id}; what lies under the crosshair is told below`}
        />
        {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing gives a canvas the focus */}
        <canvas ref={lines} class="lines" aria-hidden="true" />
        {(status || error) && (
          <p class="status">
            {error ?? status?.text}
            {status?.part !== null && status !== null && <progress value={status.part} />}
          </p>
        )}
        {help && <ShortcutList />}
      </div>
      <Readout location={location} />
      <div class="panels">
        <LayerPanel row={row} classes={classNames.length} state={state} setLayer={setLayer} patch={patch} />
        <ClassPanel scene={scene} row={row} classNames={classNames} state={state} patch={patch} />
        <SamplePlayer count={row.layers.samples.length} state={state} patch={patch} setLayer={setLayer} />
        <WindowPanel scene={scene} levels={levels} set={(window) => patch({ window })} />
        {run && <MapsPanel run={run} row={row} jobs={jobs} />}
        <DrawPanel
          scene={scene}
          row={row}
          caseUrl={caseUrl}
          classNames={classNames}
          active={drawing}
          toggle={toggleDrawing}
          ready={opened}
          onSaved={onSaved}
        />
      </div>
    </section>
  );
}

const meanDice = ({ scores }: CaseRow): number =>
  scores.reduce((sum, { dice }) => sum + dice, 0) / scores.length;

/** Towards which side of the patient from the origin, by axis: above zero, below. */
const SIDES = ["RL", "AP", "SI"];
const sideAndMm = (value: number, axis: number): string =>
  `${SIDES[axis]![value < 0 ? 1 : 0]} ${Math.abs(value).toFixed(1)}`;

function Readout({ location }: { location: Location | null }) {
  if (!location) return <p class="readout-line">&nbsp;</p>;
  const { mm, voxel, intensity, uncertainty, labels } = location;
  return (
    <p class="readout-line">
      {mm && <span>{mm.map(sideAndMm).join("  ")} mm</span>}
      <span class="soft">voxel {voxel.join(", ")}</span>
      <span>
        intensity <b>{Number(intensity.toPrecision(4))}</b>
      </span>
      {Object.entries(labels).map(([name, label]) => (
        <span key={name} class={name}>
          {name} <b>{label}</b>
        </span>
      ))}
      {uncertainty !== null && (
        <span>
          entropy <b>{uncertainty.toFixed(3)}</b> nats
        </span>
      )}
    </p>
  );
}
