import type { CaseRow } from "../../src/viewer/api.js";
import { css, EXTRA, MISSED, PREDICTION, REFERENCE, SAMPLE } from "./colours.js";
import { LAYERS, type LayerName, type LayerState, type SceneState } from "./scene-state.js";

interface LayerPanelProps {
  readonly row: CaseRow;
  readonly classes: number;
  readonly state: SceneState;
  readonly setLayer: (name: LayerName, more: Partial<LayerState>) => void;
  readonly patch: (more: Partial<SceneState>) => void;
}

const SWATCHES: Record<LayerName, string> = {
  reference: css(REFERENCE),
  prediction: css(PREDICTION),
  disagreement: `linear-gradient(90deg, ${css(MISSED)} 50%, ${css(EXTRA)} 50%)`,
  uncertainty: "linear-gradient(90deg, #550f6d, #ba3655, #f98c0a, #fcffa4)",
  samples: css(SAMPLE),
};

/** Of several classes colours tell which, lines tell the layer. */
const LINES: Partial<Record<LayerName, string>> = {
  reference: "linear-gradient(currentColor, currentColor) 50% / 100% 2px no-repeat",
  prediction:
    "repeating-linear-gradient(90deg, currentColor 0 4px, transparent 4px 7px) 50% / 100% 2px no-repeat",
  samples: "linear-gradient(currentColor, currentColor) 50% / 100% 1px no-repeat",
};

/** What a layer needs that a case may lack, in words. */
function missing({ layers }: CaseRow): Record<LayerName, string | null> {
  const both = !layers.reference ? "no reference" : !layers.prediction ? "no prediction" : null;
  return {
    reference: layers.reference ? null : "no label",
    prediction: layers.prediction ? null : "none yet",
    disagreement: both,
    uncertainty: layers.uncertainty ? null : "none yet",
    samples: layers.samples.length > 0 ? null : "none yet",
  };
}

export function LayerPanel({ row, classes, state, setLayer, patch }: LayerPanelProps) {
  const lacks = missing(row);
  return (
    <fieldset class="panel layers">
      <legend>Layers</legend>
      {LAYERS.map((name, i) => {
        const { on, fill } = state.layers[name];
        const lack = lacks[name];
        return (
          <div key={name} class={`layer ${lack ? "lacking" : ""}`}>
            <label>
              <input
                type="checkbox"
                data-layer={name}
                checked={on && !lack}
                disabled={lack !== null}
                onChange={() => setLayer(name, { on: !on })}
              />
              <i style={{ background: (classes > 2 && LINES[name]) || SWATCHES[name] }} />
              {name} <kbd>{i + 1}</kbd>
            </label>
            {lack ? (
              <small class="soft">{lack}</small>
            ) : (
              <input
                type="range"
                min={0}
                max={1}
                step={0.05}
                value={fill}
                title={`opacity of the area${name === "reference" ? ", and in 3-D over another surface" : ""}`}
                aria-label={`${name}, opacity`}
                onInput={(event) => setLayer(name, { fill: Number(event.currentTarget.value) })}
              />
            )}
          </div>
        );
      })}
      {state.layers.disagreement.on && !lacks.disagreement && (
        <p class="legend">
          <i style={{ background: css(MISSED) }} /> missed or another class
          <i style={{ background: css(EXTRA) }} /> extra
        </p>
      )}
      {state.layers.uncertainty.on && !lacks.uncertainty && (
        <p class="legend">
          0 <i class="heat" style={{ background: SWATCHES.uncertainty }} /> highest possible entropy
        </p>
      )}
      <label class="small">
        <input
          type="checkbox"
          checked={state.volume3d}
          onChange={() => patch({ volume3d: !state.volume3d })}
        />{" "}
        image in 3-D
      </label>
    </fieldset>
  );
}
