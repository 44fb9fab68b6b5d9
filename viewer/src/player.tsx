import type { ComponentChildren } from "preact";

interface PlayerProps {
  readonly playing: boolean;
  readonly toggle: () => void;
  readonly index: number;
  readonly last: number;
  readonly show: (index: number) => void;
  /** What is gone through, for those who hear the page. */
  readonly label: string;
  /** Behind the slider. */
  readonly children?: ComponentChildren;
}

/** A play button and a slider through numbered pictures. */
export function Player({ playing, toggle, index, last, show, label, children }: PlayerProps) {
  return (
    <div class="player">
      <button type="button" aria-pressed={playing} aria-label={playing ? "pause" : "play"} onClick={toggle}>
        {playing ? "❚❚" : "▶"}
      </button>
      <input
        type="range"
        min={0}
        max={last}
        value={index}
        aria-label={label}
        onInput={(event) => show(Number(event.currentTarget.value))}
      />
      {children}
    </div>
  );
}
