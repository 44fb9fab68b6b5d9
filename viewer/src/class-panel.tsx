import type { CaseRow } from "../../src/viewer/api.js";
import { css, labelColour, REFERENCE } from "./colours.js";
import type { Scene } from "./scene.js";
import type { SceneState } from "./scene-state.js";

interface ClassPanelProps {
  readonly scene: Scene | null;
  readonly row: CaseRow;
  readonly classNames: readonly string[];
  readonly state: SceneState;
  readonly patch: (more: Partial<SceneState>) => void;
}

/** Colour, name and Dice of each class, where there are several; a name leads to the class, a box hides it. */
export function ClassPanel({ scene, row, classNames, state: { hidden }, patch }: ClassPanelProps) {
  if (classNames.length <= 2) return null;
  const all = classNames.map((_, label) => label).slice(1);
  const show = (label: number) => {
    const others = hidden.filter((one) => one !== label);
    patch({ hidden: others.length < hidden.length ? others : [...hidden, label] });
  };
  return (
    <fieldset class="panel classes">
      <legend>Classes</legend>
      {all.map((label) => {
        const dice = row.scores.find((score) => score.class === classNames[label])?.dice;
        return (
          <div key={label} class="class">
            <input
              type="checkbox"
              aria-label={`show ${classNames[label]}`}
              checked={!hidden.includes(label)}
              onChange={() => show(label)}
            />
            <button type="button" title="to its middle" onClick={() => scene?.goToClass(label)}>
              <i style={{ background: css(labelColour(REFERENCE, label, classNames.length)) }} />{" "}
              {classNames[label]}
            </button>
            {dice !== undefined && <output title="Dice, %">{(100 * dice).toFixed(1)}</output>}
          </div>
        );
      })}
      <div class="presets">
        <button type="button" disabled={hidden.length === 0} onClick={() => patch({ hidden: [] })}>
          all
        </button>
        <button type="button" disabled={hidden.length === all.length} onClick={() => patch({ hidden: all })}>
          none
        </button>
      </div>
    </fieldset>
  );
}
