import { useEffect, useRef } from "preact/hooks";
import { seriesColour } from "./colours.js";
import type { Dot } from "./projection.js";

interface ScatterProps {
  readonly dots: readonly Dot[];
  readonly reach: number;
  readonly size: number;
  readonly dark: boolean;
}

/** Dots of a projection: filled from labels, rings from pseudo labels, diamonds for prototypes. */
export function Scatter({ dots, reach, size, dark }: ScatterProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current!;
    element.width = size * devicePixelRatio;
    element.height = size * devicePixelRatio;
    const context = element.getContext("2d")!;
    context.scale(devicePixelRatio, devicePixelRatio);
    context.clearRect(0, 0, size, size);
    context.strokeStyle = dark ? "#262c32" : "#e3e6e8";
    for (const at of [0.25, 0.5, 0.75]) {
      context.beginPath();
      context.moveTo(at * size, 0);
      context.lineTo(at * size, size);
      context.moveTo(0, at * size);
      context.lineTo(size, at * size);
      context.stroke();
    }
    const order = ["pseudo-labeled", "labeled", "prototype"];
    for (const dot of [...dots].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind)))
      drawDot(context, dot, (value) => (0.5 + value / (2 * reach)) * size, size, dark);
  }, [dots, reach, size, dark]);
  return <canvas ref={canvas} style={{ width: `${size}px`, height: `${size}px` }} />;
}

function drawDot(
  context: CanvasRenderingContext2D,
  dot: Dot,
  toPixels: (value: number) => number,
  size: number,
  dark: boolean,
): void {
  const [x, y] = [toPixels(dot.x), toPixels(-dot.y)];
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
