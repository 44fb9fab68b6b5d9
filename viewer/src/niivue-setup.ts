import { DRAG_MODE, MULTIPLANAR_TYPE, Niivue, SHOW_RENDER } from "@niivue/niivue";

/** NiiVue's colour map for entropy. */
export const HEAT = "penumbra-heat";

/** Inferno: lightness rises evenly, so that it also reads in grey; certain tissue stays plain. */
const HEAT_MAP = {
  R: [0, 85, 186, 249, 252],
  G: [0, 15, 54, 140, 255],
  B: [4, 109, 85, 10, 164],
  A: [0, 70, 150, 210, 240],
  I: [0, 64, 128, 192, 255],
};

/** So many states of a drawing are kept to go back to, the first among them. */
export const UNDO_BITMAPS = 12;

/** NiiVue as all our pages use it: radiological convention (sagittal: anterior at the left), our own crosshair and keys, nothing read from elsewhere. */
export function newNiivue(): Niivue {
  const nv = new Niivue({
    backColor: [0.035, 0.043, 0.051, 1],
    crosshairWidth: 0, // the overlay draws a finer one
    fontColor: [0.78, 0.82, 0.86, 1],
    fontMinPx: 11,
    show3Dcrosshair: false,
    isOrientCube: false,
    isColorbar: false,
    isRadiologicalConvention: true,
    sagittalNoseLeft: true,
    multiplanarPadPixels: 4,
    multiplanarLayout: MULTIPLANAR_TYPE.GRID,
    multiplanarShowRender: SHOW_RENDER.ALWAYS,
    meshThicknessOn2D: 0,
    dragMode: DRAG_MODE.windowing,
    dragAndDropEnabled: false,
    isAntiAlias: true,
    loadingText: "",
    logLevel: "error",
    clipPlaneHotKey: "",
    cycleClipPlaneHotKey: "",
    viewModeHotKey: "",
    maxDrawUndoBitmaps: UNDO_BITMAPS,
  });
  nv.addColormap(HEAT, HEAT_MAP);
  nv.keyDownListener = () => {};
  nv.keyUpListener = () => {};
  const leave = nv.mouseLeaveListener.bind(nv);
  nv.mouseLeaveListener = () => {
    const isPainting = nv.opts.drawingEnabled && !Number.isNaN(nv.drawPenLocation[0]);
    if (isPainting) nv.mouseUpListener(); // a stroke that leaves the picture ends there, and can be undone by itself
    leave();
  };
  return nv;
}
