const KEYS: readonly (readonly [string, string])[] = [
  ["j  k", "next, previous case of the list as it is sorted"],
  ["← → ↑ ↓", "move the crosshair in the axial plane"],
  ["Page ↑ ↓", "slice up, down"],
  ["1 2 3 4 5", "reference, prediction, disagreement, uncertainty, samples"],
  ["space", "play the samples"],
  ["[  ]", "sample before, after"],
  ["l", "next layout"],
  ["a", "automatic window"],
  ["x", "crosshair on, off"],
  ["d", "draw; then e erases, p paints, z undoes, s saves"],
  ["right drag", "window (across) and level (down)"],
  ["wheel", "slices under the pointer; zoom in 3-D"],
  ["?", "this list"],
];

export function ShortcutList() {
  return (
    <dl class="keys">
      {KEYS.map(([key, meaning]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{meaning}</dd>
        </div>
      ))}
    </dl>
  );
}
