import { cmapper } from "@niivue/niivue";
import { DRAWN, labelColour } from "./colours.js";
import { LabelVolume } from "./label-volume.js";
import type { Scene } from "./scene.js";

const OPACITY = 0.42;

/** A label map that is being drawn over the case on the screen. */
export class Drawing {
  constructor(
    readonly scene: Scene,
    readonly classes: number,
  ) {}

  /** Begins with a copy of a loaded label map, or with nothing. */
  begin(from: "prediction" | "reference" | null): void {
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
    const start = from && this.scene.labelVolume(from);
    if (start && nv.drawBitmap) start.toPatientOrder(nv.drawBitmap);
    nv.setDrawOpacity(OPACITY);
    nv.setDrawingEnabled(true);
    nv.updateGLVolume();
    nv.refreshDrawing(true);
    nv.drawAddUndoBitmap();
  }

  /** @param value class to paint, 0 erases */
  pen(value: number, size: number, filled: boolean): void {
    const { nv } = this.scene;
    nv.opts.penSize = size;
    nv.setPenValue(value, filled);
  }

  undo(): void {
    this.scene.nv.drawUndo();
  }

  /** Class of each voxel in the image file's own order. */
  voxels(): Uint8Array<ArrayBuffer> {
    const image = this.scene.image!;
    const volume = new LabelVolume(image.img!, image);
    return new Uint8Array(volume.toFileOrder(this.scene.nv.drawBitmap!));
  }

  end(): void {
    const { nv } = this.scene;
    nv.setDrawingEnabled(false);
    nv.closeDrawing();
    nv.drawScene();
  }
}
