import { expect, it } from "vitest";
import { WorkProgress } from "./work-progress.js";

function watched(total: number) {
  const lines: string[] = [];
  const clock = { now: 1000 };
  const progress = new WorkProgress(
    total,
    (line) => lines.push(line),
    () => clock.now,
  );
  return { lines, clock, progress };
}

it("says nothing about work of less than two seconds", () => {
  const { lines, clock, progress } = watched(1);
  const onWindow = progress.next("a", 1);
  for (clock.now = 1000; clock.now < 3000; clock.now += 100) onWindow(1, 20);
  expect(lines).toEqual([]);
});

it("tells the time left at the pace so far, every five seconds", () => {
  const { lines, clock, progress } = watched(4);
  progress.next("a", 1)(10, 10);
  const onWindow = progress.next("b", 3);
  clock.now += 10_000; // 1 + 3 · 1/3 of 4 units are done: as much again is left
  onWindow(2, 6);
  clock.now += 4_999;
  onWindow(3, 6);
  clock.now += 1;
  onWindow(4, 6); // 3 of 4 units in 15 s
  expect(lines).toEqual(["b: window 2/6, 10 s left", "b: window 4/6, 5 s left"]);
});
