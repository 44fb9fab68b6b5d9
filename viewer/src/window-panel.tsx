import { isCtImage, shownRange } from "./intensity-range.js";
import type { Scene } from "./scene.js";

interface WindowPanelProps {
  readonly scene: Scene | null;
  readonly levels: readonly [number, number];
  readonly set: (window: readonly [number, number] | null) => void;
}

/** Width and level in Hounsfield units, as radiology uses them. */
const CT_PRESETS: readonly (readonly [string, number, number])[] = [
  ["soft tissue", 400, 40],
  ["pancreas", 400, 75],
  ["liver", 150, 60],
  ["lung", 1500, -600],
  ["bone", 1800, 400],
  ["brain", 80, 40],
];

/** What black and white stand for. */
export function WindowPanel({ scene, levels: [low, high], set }: WindowPanelProps) {
  const image = scene?.image;
  const [width, level] = [high - low, (low + high) / 2];
  const [bottom, top] = image ? shownRange(image) : [low, high];
  const step = Math.max((top - bottom) / 500, 1e-6);
  const change = (newWidth: number, newLevel: number) =>
    set([newLevel - newWidth / 2, newLevel + newWidth / 2]);
  const number = (value: number) => Number(value.toPrecision(4));
  return (
    <fieldset class="panel">
      <legend>Window</legend>
      <label class="line">
        width
        <input
          type="range"
          min={step}
          max={top - bottom}
          step={step}
          value={width}
          onInput={(event) => change(Number(event.currentTarget.value), level)}
        />
        <output>{number(width)}</output>
      </label>
      <label class="line">
        level
        <input
          type="range"
          min={bottom}
          max={top}
          step={step}
          value={level}
          onInput={(event) => change(width, Number(event.currentTarget.value))}
        />
        <output>{number(level)}</output>
      </label>
      <div class="presets">
        <button type="button" onClick={() => set(null)}>
          auto
        </button>
        <button type="button" onClick={() => set([bottom, top])}>
          full
        </button>
        {image &&
          isCtImage(image) &&
          CT_PRESETS.map(([name, presetWidth, presetLevel]) => (
            <button
              key={name}
              type="button"
              title={`width ${presetWidth}, level ${presetLevel} HU`}
              aria-pressed={width === presetWidth && level === presetLevel}
              onClick={() => change(presetWidth, presetLevel)}
            >
              {name}
            </button>
          ))}
      </div>
    </fieldset>
  );
}
