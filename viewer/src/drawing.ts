import { cmapper } from "@niivue/niivue";
import { DRAWN, labelColour } from "./colours.js";
import { LabelVolume } from "./label-volume.js";
import { UNDO_BITMAPS } from "./niivue-setup.js";
import type { Scene } from "./scene.js";
import { changesSoFar, noteChange, settle } from "./unsaved.js";

const OPACITY = 0.42;

/** A label map that is being drawn over the case on the screen. */
export class Drawing {
  /** Strokes that can be undone; one of NiiVue's bitmaps is what they began with. */
  #strokes = 0;

  constructor(
    readonly scene: Scene,
    readonly classes: number,
  ) {}

  /** Begins with a copy of a label map of the case, or with nothing. */
  begin(start: LabelVolume | null): void {
    const { nv } = this.scene;
    const colours = Array.from({ length: this.classes }, (_, i) => labelColour(DRAWN, i, this.classes));
    nv.drawLut = cmapper.makeDrawLut({
      R: colours.map(([r]) => r),
      G: colours.map(([, g]) => g),
      B: colours.map(([, , b]) => b),
      A: colours.map((_, i) => (i === 0 ? 0 : 255)),
      I: colours.map((_, i) => i),
    });
    nv.createEmptyDrawing();
    const voxels = nv.drawBitmap?.length;
    const size = start?.size.reduce((product, n) => product * n, 1);
    if (start && size !== voxels)
      throw new Error(`it has ${size} voxels and the image ${voxels}: begin with something else`);
    if (start && nv.drawBitmap) start.toPatientOrder(nv.drawBitmap);
    nv.setDrawOpacity(OPACITY);
    nv.setDrawingEnabled(true);
    nv.updateGLVolume();
    nv.refreshDrawing(true);
    nv.drawClearAllUndoBitmaps(); // among them the empty one that NiiVue began with
    nv.drawAddUndoBitmap();
    this.#strokes = 0;
    nv.onDrawingChanged = (action) => {
      if (action !== "draw") return;
      this.#strokes = Math.min(this.#strokes + 1, UNDO_BITMAPS - 1);
      noteChange();
    };
  }

  /** @param value class to paint, 0 erases */
  pen(value: number, size: number, filled: boolean): void {
    const { nv } = this.scene;
    nv.opts.penSize = size;
    nv.setPenValue(value, filled);
  }

  undo(): void {
    if (this.#strokes === 0) return;
    this.#strokes--;
    this.scene.nv.drawUndo();
    noteChange();
  }

  /** Class of each voxel in the image file's own order. */
  voxels(): Uint8Array<ArrayBuffer> {
    const image = this.scene.image!;
    const volume = new LabelVolume(image.img!, image);
    return new Uint8Array(volume.toFileOrder(this.scene.nv.drawBitmap!));
  }

  /** Gives what is drawn to the person as a file, where it can't be saved. */
  async download(name: string): Promise<void> {
    const drawn = changesSoFar();
    const file = { filename: `${name}.nii.gz`, isSaveDrawing: true, volumeByIndex: 0 };
    if ((await this.scene.nv.saveImage(file)) === false) throw new Error("nothing is drawn");
    settle(drawn);
  }

  end(): void {
    const { nv } = this.scene;
    nv.onDrawingChanged = () => {};
    nv.setDrawingEnabled(false);
    nv.closeDrawing();
    nv.drawScene();
    settle();
  }
}
