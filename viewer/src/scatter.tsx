import { useEffect, useRef } from "preact/hooks";
import { seriesColour } from "./colours.js";
import type { Dot, Frame } from "./projection.js";

interface ScatterProps {
  readonly dots: readonly Dot[];
  /** What of the plane is shown, the same for all that are compared. */
  readonly frame: Frame;
  /** Width in points; the height follows from the frame, since both axes have one scale. */
  readonly size: number;
  readonly dark: boolean;
}

const LEAST_HEIGHT = 0.45;

/** Dots of a projection: filled from labels, rings from pseudo labels, diamonds for prototypes. */
export function Scatter({ dots, frame, size, dark }: ScatterProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const height = Math.round(size * Math.min(1, Math.max(LEAST_HEIGHT, frame.height / frame.width)));
  useEffect(() => {
    const element = canvas.current!;
    element.width = size * devicePixelRatio;
    element.height = height * devicePixelRatio;
    const context = element.getContext("2d")!;
    context.scale(devicePixelRatio, devicePixelRatio);
    context.clearRect(0, 0, size, height);
    const scale = Math.min(size / frame.width, height / frame.height);
    const toPixels = ({ x, y }: { x: number; y: number }): [number, number] => [
      size / 2 + scale * (x - frame.x),
      height / 2 - scale * (y - frame.y),
    ];
    drawAxes(context, toPixels({ x: 0, y: 0 }), [size, height], dark);
    const order = ["pseudo-labeled", "labeled", "prototype"];
    for (const dot of [...dots].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)))
      drawDot(context, dot, toPixels(dot), size, dark);
  }, [dots, frame, size, dark]);
  return <canvas ref={canvas} style={{ width: `${size}px`, height: `${height}px` }} />;
}

/** Lines through the mean of all features. */
function drawAxes(
  context: CanvasRenderingContext2D,
  [x, y]: [number, number],
  [width, height]: [number, number],
  dark: boolean,
): void {
  context.strokeStyle = dark ? "#2f373e" : "#dfe3e6";
  context.beginPath();
  context.moveTo(x, 0);
  context.lineTo(x, height);
  context.moveTo(0, y);
  context.lineTo(width, y);
  context.stroke();
}

function drawDot(
  context: CanvasRenderingContext2D,
  dot: Dot,
  [x, y]: [number, number],
  size: number,
  dark: boolean,
): void {
  const radius = size > 300 ? 3.2 : 1.6;
  const colour = seriesColour(dot.class, dark);
  context.beginPath();
  if (dot.kind === "prototype") {
    const r = 3.2 * radius;
    context.moveTo(x, y - r);
    context.lineTo(x + r, y);
    context.lineTo(x, y + r);
    context.lineTo(x - r, y);
    context.closePath();
    context.fillStyle = colour;
    context.fill();
    context.lineWidth = radius / 1.6;
    context.strokeStyle = dark ? "#fff" : "#000";
    context.stroke();
    return;
  }
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.globalAlpha = 0.75;
  if (dot.kind === "labeled") {
    context.fillStyle = colour;
    context.fill();
  } else {
    context.lineWidth = radius / 2.6;
    context.strokeStyle = colour;
    context.stroke();
  }
  context.globalAlpha = 1;
}
