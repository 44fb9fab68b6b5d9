import { useEffect, useMemo, useState } from "preact/hooks";
import type { CaseRow, SavedLabel } from "../../src/viewer/api.js";
import { css, DRAWN, labelColour } from "./colours.js";
import { Drawing } from "./drawing.js";
import { onKeys } from "./keys.js";
import type { SingleLabel } from "./loaded-layers.js";
import type { Scene } from "./scene.js";
import { ask } from "./server.js";
import { changesSoFar, mayLeave, settle } from "./unsaved.js";

interface DrawPanelProps {
  readonly scene: Scene | null;
  readonly row: CaseRow;
  readonly caseUrl: string;
  readonly classNames: readonly string[];
  readonly active: boolean;
  readonly toggle: () => void;
  /** The image and what lies over it have come. */
  readonly ready: boolean;
  readonly onSaved: () => void;
}

type Start = SingleLabel | "nothing";
const LARGEST_PEN = 15;

/** Paints and erases a label and saves it as a new version beside the data. */
export function DrawPanel({
  scene,
  row,
  caseUrl,
  classNames,
  active,
  toggle,
  ready,
  onSaved,
}: DrawPanelProps) {
  const drawing = useMemo(() => (scene ? new Drawing(scene, classNames.length) : null), [scene]);
  const { correction, reference, prediction } = row.layers;
  const [from, setFrom] = useState<Start>(
    correction ? "correction" : reference ? "reference" : prediction ? "prediction" : "nothing",
  );
  const [pen, setPen] = useState(1);
  const [size, setSize] = useState(3);
  const [filled, setFilled] = useState(false);
  const [message, setMessage] = useState<{ text: string; bad: boolean } | null>(null);
  const [saving, setSaving] = useState(false);
  const open = active && ready && scene?.isFull === true;
  /** Counts up where a person says what to begin with; saving does not begin anew. */
  const [begins, begin] = useState(0);
  const [begun, setBegun] = useState(false);
  useEffect(() => {
    if (!drawing || !open) return;
    let wanted = true;
    const start = from === "nothing" ? Promise.resolve(null) : drawing.scene.needLabel(from);
    start
      .then((label) => {
        if (!wanted) return;
        drawing.begin(label);
        setBegun(true);
      })
      .catch((error: Error) => wanted && setMessage({ text: `${from}: ${error.message}`, bad: true }));
    return () => {
      wanted = false;
      setBegun(false);
      drawing.end();
    };
  }, [drawing, open, begins]);
  useEffect(() => {
    if (begun) drawing?.pen(pen, size, filled);
  }, [drawing, begun, begins, pen, size, filled]);
  const save = async () => {
    if (!drawing || !begun || saving) return;
    setSaving(true);
    try {
      const body = drawing.voxels();
      const drawn = changesSoFar(); // strokes from here on are of the next version
      const saved = await ask<SavedLabel>(`${caseUrl}/label`, { method: "POST", body });
      settle(drawn);
      setFrom("correction"); // what was saved, if drawing ends and begins again
      setMessage({ text: `saved as version ${saved.version}: ${saved.path}; ${saved.note}`, bad: false });
      onSaved();
    } catch (error) {
      setMessage({ text: (error as Error).message, bad: true });
    } finally {
      setSaving(false);
    }
  };
  useEffect(
    () =>
      onKeys(
        begun
          ? {
              e: () => setPen(0),
              p: () => setPen((before) => before || 1),
              z: () => drawing?.undo(),
              s: () => void save(),
            }
          : {},
      ),
    [begun, drawing, saving],
  );
  const download = () =>
    drawing?.download(row.id).catch((error: Error) => setMessage({ text: error.message, bad: true }));
  const chooseStart = (event: { readonly currentTarget: HTMLSelectElement }) => {
    const select = event.currentTarget;
    if (mayLeave()) {
      setFrom(select.value as Start);
      begin((before) => before + 1);
    } else select.value = from;
  };
  return (
    <fieldset class="panel draw">
      <legend>Correct</legend>
      <label>
        <input type="checkbox" checked={active} onChange={toggle} /> draw on the slices <kbd>d</kbd>
      </label>
      {active && (
        <>
          <label class="line">
            begin with
            <select value={from} onChange={chooseStart}>
              {prediction && <option>prediction</option>}
              {reference && reference !== correction && <option>reference</option>}
              {correction && <option>correction</option>}
              <option>nothing</option>
            </select>
          </label>
          <div class="presets" role="group" aria-label="pen">
            <button type="button" aria-pressed={pen === 0} onClick={() => setPen(0)}>
              erase
            </button>
            {classNames.slice(1).map((name, i) => (
              <button key={name} type="button" aria-pressed={pen === i + 1} onClick={() => setPen(i + 1)}>
                <i style={{ background: css(labelColour(DRAWN, i + 1, classNames.length)) }} /> {name}
              </button>
            ))}
          </div>
          <label class="line">
            pen
            <input
              type="range"
              min={1}
              max={LARGEST_PEN}
              step={2} // NiiVue's pens have a middle
              value={size}
              onInput={(event) => setSize(Number(event.currentTarget.value))}
            />
            <output>{size} voxels</output>
          </label>
          <label class="small">
            <input type="checkbox" checked={filled} onChange={() => setFilled(!filled)} /> fill closed
            outlines
          </label>
          <div class="presets">
            <button type="button" onClick={() => drawing?.undo()}>
              undo
            </button>
            <button type="button" class="button" disabled={!begun || saving} onClick={() => void save()}>
              save as a new version
            </button>
          </div>
        </>
      )}
      {message && <p class={message.bad ? "alarm" : "small good"}>{message.text}</p>}
      {message?.bad && begun && (
        <button type="button" onClick={() => void download()}>
          download what is drawn
        </button>
      )}
    </fieldset>
  );
}
