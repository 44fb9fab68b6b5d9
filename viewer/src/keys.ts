/** Those that go on while a key is held. */
const MOVES = /^(Arrow|Page)|^[jk]$/;

/** Whether the focused control has a use of its own for the key. */
const isTaken = (key: string, target: Element): boolean =>
  key === " "
    ? target.matches("button, a, summary, input[type=checkbox]")
    : target.matches("input[type=range]") && /^(Arrow|Page)/.test(key);

/** Runs actions on keys ("j", "ArrowUp", " ") until the returned function is called; never while text is typed. */
export function onKeys(actions: Readonly<Record<string, (event: KeyboardEvent) => void>>): () => void {
  const listen = (event: KeyboardEvent) => {
    const { target } = event;
    const typing =
      target instanceof Element &&
      target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[event.key];
    if (!action || (event.repeat && !MOVES.test(event.key))) return;
    if (target instanceof Element && isTaken(event.key, target)) return;
    event.preventDefault();
    action(event);
  };
  addEventListener("keydown", listen);
  return () => removeEventListener("keydown", listen);
}
