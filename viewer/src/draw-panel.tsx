import { useEffect, useMemo, useState } from "preact/hooks";
import type { CaseRow, SavedLabel } from "../../src/viewer/api.js";
import { css, DRAWN, labelColour } from "./colours.js";
import { Drawing } from "./drawing.js";
import { onKeys } from "./keys.js";
import type { Scene } from "./scene.js";
import { ask } from "./server.js";

interface DrawPanelProps {
  readonly scene: Scene | null;
  readonly row: CaseRow;
  readonly caseUrl: string;
  readonly classNames: readonly string[];
  readonly active: boolean;
  readonly setActive: (active: boolean) => void;
  /** The image has come. */
  readonly ready: boolean;
  readonly onSaved: () => void;
}

type Start = "prediction" | "reference" | "nothing";
const LARGEST_PEN = 15;

/** Paints and erases a label and saves it as a new version beside the data. */
export function DrawPanel({
  scene,
  row,
  caseUrl,
  classNames,
  active,
  setActive,
  ready,
  onSaved,
}: DrawPanelProps) {
  const drawing = useMemo(() => (scene ? new Drawing(scene, classNames.length) : null), [scene]);
  const { prediction, reference } = row.layers;
  const [from, setFrom] = useState<Start>(reference ? "reference" : prediction ? "prediction" : "nothing");
  const [pen, setPen] = useState(1);
  const [size, setSize] = useState(3);
  const [filled, setFilled] = useState(false);
  const [message, setMessage] = useState<{ text: string; bad: boolean } | null>(null);
  const [saving, setSaving] = useState(false);
  const open = active && ready && scene?.isFull === true;
  useEffect(() => {
    if (!drawing || !open) return;
    drawing.begin(from === "nothing" ? null : from);
    return () => drawing.end();
  }, [drawing, open, from]);
  useEffect(() => {
    if (open) drawing?.pen(pen, size, filled);
  }, [drawing, open, from, pen, size, filled]);
  const save = async () => {
    if (!drawing || saving) return;
    setSaving(true);
    try {
      const saved = await ask<SavedLabel>(`${caseUrl}/label`, { method: "POST", body: drawing.voxels() });
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
        open
          ? {
              e: () => setPen(0),
              p: () => setPen((before) => before || 1),
              z: () => drawing?.undo(),
              s: () => void save(),
            }
          : {},
      ),
    [open, drawing, saving],
  );
  return (
    <fieldset class="panel draw">
      <legend>Correct</legend>
      <label>
        <input type="checkbox" checked={active} onChange={() => setActive(!active)} /> draw on the slices{" "}
        <kbd>d</kbd>
      </label>
      {active && (
        <>
          <label class="line">
            begin with
            <select value={from} onChange={(event) => setFrom(event.currentTarget.value as Start)}>
              {prediction && <option>prediction</option>}
              {reference && <option>reference</option>}
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
            <button type="button" class="button" disabled={!open || saving} onClick={() => void save()}>
              save as a new version
            </button>
          </div>
        </>
      )}
      {message && <p class={message.bad ? "alarm" : "small good"}>{message.text}</p>}
    </fieldset>
  );
}
