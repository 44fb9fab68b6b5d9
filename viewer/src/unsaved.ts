/** Whether something is drawn that no file has. */
let unsaved = false;

export const hasUnsaved = (): boolean => unsaved;
export const setUnsaved = (value: boolean): void => {
  unsaved = value;
};

/** Whether what is on the screen may go: asks where something drawn would be lost, once. */
export function mayLeave(): boolean {
  if (unsaved && !confirm("What you drew is not saved. Throw it away?")) return false;
  unsaved = false;
  return true;
}

/** Asks before a link within the pages, or the end of the page, takes a drawing along. */
export function guardUnsaved(): void {
  addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
  addEventListener(
    "click",
    (event) => {
      const leads = event.target instanceof Element && event.target.closest("a[href^='#']");
      if (!leads || mayLeave()) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { capture: true },
  );
}
