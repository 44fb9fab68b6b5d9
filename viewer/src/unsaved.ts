/** Changes drawn so far, and how many of the first of them need no more care: they are in a file, or given up. */
let drawn = 0;
let settled = 0;

const hasUnsaved = (): boolean => drawn > settled;
export const noteChange = (): void => {
  drawn++;
};
export const changesSoFar = (): number => drawn;
/** What was drawn up to then is in a file or given up; later changes are not. */
export const settle = (upTo = drawn): void => {
  settled = Math.max(settled, upTo);
};

/** Whether what is on the screen may go: asks where something drawn would be lost, once. */
export function mayLeave(): boolean {
  if (hasUnsaved() && !confirm("What you drew is not saved. Throw it away?")) return false;
  settle();
  return true;
}

/** Whether a click on a link leaves this page as it is: it opens another tab or window. */
export const opensElsewhere = ({ ctrlKey, metaKey, shiftKey }: MouseEvent): boolean =>
  ctrlKey || metaKey || shiftKey;

/** Asks before a link within the pages, or the end of the page, takes a drawing along. */
export function guardUnsaved(): void {
  addEventListener("beforeunload", (event) => {
    if (hasUnsaved()) event.preventDefault();
  });
  addEventListener(
    "click",
    (event) => {
      const leads = event.target instanceof Element && event.target.closest("a[href^='#']");
      if (!leads || opensElsewhere(event) || mayLeave()) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { capture: true },
  );
}
