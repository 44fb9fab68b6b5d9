/** Runs actions on keys ("j", "ArrowUp", " ") until the returned function is called; never while text is typed. */
export function onKeys(actions: Readonly<Record<string, (event: KeyboardEvent) => void>>): () => void {
  const listen = (event: KeyboardEvent) => {
    const { target } = event;
    const typing =
      target instanceof Element &&
      target.matches("input:not([type=range]):not([type=checkbox]), select, textarea");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action(event);
  };
  addEventListener("keydown", listen);
  return () => removeEventListener("keydown", listen);
}
