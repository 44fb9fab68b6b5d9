import type { Evaluation } from "../metrics/score.js";
import type { Triple } from "../volume/volume.js";
import { centreOfMass, PLANES, viewOf } from "./anatomy.js";
import { tickLabel } from "./axis.js";
import { SOFT_TISSUE } from "./ct-window.js";
import { type Html, html } from "./html.js";
import { caseCaption } from "./score-view.js";
import type { Why } from "./shown.js";
import { type Frame, frameOf, type Layer, type ReportCase, renderSlice } from "./slices.js";

/** What the colours of the slices mean; the heat only where a case has uncertainty. */
export const sliceLegend = (hasUncertainty: boolean): Html => html`<ul class="legend">
<li><span class="stroke reference"></span>reference</li><li><span class="stroke prediction"></span>prediction</li>
<li><span class="stroke both"></span>both</li>
${hasUncertainty && html`<li><span>certain</span><span class="heat"></span><span>uncertain</span></li>`}</ul>`;

/** Axial, coronal and sagittal slices through the structure's centre: contours, then uncertainty where there is some. */
export function caseFigure(evaluation: Evaluation, why: Why, shown: ReportCase): Html {
  const at = centreOf(shown);
  const frame = frameOf(shown);
  const caption = caseCaption(evaluation, shown.id);
  return html`<section><h3><span class="why">${why}</span> ${shown.id}</h3><p class="soft">${caption}</p>
${sliceRow(shown, at, "contours", frame)}
<p class="soft">${windowNote(frame.window)}</p>
${shown.uncertainty && sliceRow(shown, at, "uncertainty", frame)}
${shown.uncertainty && html`<p class="soft">Uncertainty from 0 to ${rounded(frame.uncertaintyMax)}; white: prediction.</p>`}</section>`;
}

const rounded = (value: number): string => tickLabel(Number(value.toPrecision(3)));

const windowNote = (window: Frame["window"]): string =>
  `Black to white: ${window.map(rounded).join(" to ")}${window === SOFT_TISSUE ? " HU (soft tissue)" : ""}.`;

function sliceRow(shown: ReportCase, at: Triple, layer: Layer, frame: Frame): Html {
  const figures = PLANES.map((plane) => {
    const { png, width, height } = renderSlice(shown, plane, at, layer, frame);
    const { across, edges } = viewOf(plane, shown.grid);
    const place = `${plane} ${at[across] + 1}/${shown.grid.shape[across]}`;
    return html`<figure><img width="${width}" height="${height}" alt="${`${shown.id}, ${place}, ${layer}`}" src="data:image/png;base64,${png.toString("base64")}">
${edges && html`<span class="edge left">${edges.left}</span><span class="edge top">${edges.top}</span>`}<figcaption>${place}</figcaption></figure>`;
  });
  return html`<div class="slices">${figures}</div>`;
}

/** Of the reference, else of the prediction, else of the grid. */
function centreOf({ reference, prediction, grid }: ReportCase): Triple {
  const [d, h, w] = grid.shape;
  const middle: Triple = [Math.floor(d / 2), Math.floor(h / 2), Math.floor(w / 2)];
  return centreOfMass(reference, grid.shape) ?? centreOfMass(prediction, grid.shape) ?? middle;
}
