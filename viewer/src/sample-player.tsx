import { useEffect, useState } from "preact/hooks";
import { onKeys } from "./keys.js";
import { Player } from "./player.js";
import type { LayerName, LayerState, SceneState } from "./scene-state.js";

interface SamplePlayerProps {
  readonly count: number;
  readonly state: SceneState;
  readonly patch: (more: Partial<SceneState>) => void;
  readonly setLayer: (name: LayerName, more: Partial<LayerState>) => void;
}

const BEAT_MS = 600;

/** Goes through samples of the predicted distribution: boundaries that the model thinks possible. */
export function SamplePlayer({ count, state, patch, setLayer }: SamplePlayerProps) {
  const [playing, setPlaying] = useState(false);
  const show = (sample: number) => {
    if (!state.layers.samples.on) setLayer("samples", { on: true });
    patch({ sample: (sample + count) % count });
  };
  const play = () => {
    if (!playing) show(state.sample);
    setPlaying(!playing);
  };
  useEffect(() => {
    if (!playing || count === 0) return;
    const timer = setTimeout(() => show(state.sample + 1), BEAT_MS);
    return () => clearTimeout(timer);
  }, [playing, state.sample, count]);
  useEffect(
    () =>
      onKeys(
        count === 0
          ? {}
          : { " ": play, "[": () => show(state.sample - 1), "]": () => show(state.sample + 1) },
      ),
    [count, state, playing],
  );
  if (count === 0) return null;
  return (
    <fieldset class="panel">
      <legend>Samples of the predicted distribution</legend>
      <Player
        playing={playing}
        toggle={play}
        index={state.sample}
        last={count - 1}
        show={show}
        label="sample"
      >
        <output>
          {state.sample + 1} / {count}
        </output>
      </Player>
      <label class="small">
        <input
          type="checkbox"
          checked={state.allSamples}
          onChange={() => patch({ allSamples: !state.allSamples })}
        />{" "}
        all outlines faintly
      </label>
    </fieldset>
  );
}
