import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { RunSummary } from "./api.js";
import type { Jobs, Order } from "./jobs.js";
import { orderMaps } from "./orders.js";

const dir = mkdtempSync(join(tmpdir(), "penumbra-orders-"));
afterAll(() => rmSync(dir, { recursive: true }));

it("names maps by the case, also where the image's file ends with nnU-Net's mark of its only channel", async () => {
  const data = join(dir, "data");
  mkdirSync(join(data, "imagesTr"), { recursive: true });
  writeFileSync(join(data, "imagesTr/ct_0000.nii.gz"), "");
  const json = { channel_names: { 0: "CT" }, labels: { background: 0, organ: 1 }, file_ending: ".nii.gz" };
  writeFileSync(join(data, "dataset.json"), JSON.stringify({ ...json, numTraining: 1 }));
  const orders: Order[] = [];
  const jobs = { add: (order: Order) => orders.push(order) } as unknown as Jobs;
  const run = { id: "run", dir: join(dir, "run"), stochastic: true } as RunSummary;
  await orderMaps(jobs, run, { id: "data", name: "data", dir: data }, "ct");
  const { args, finish, cleanUp } = orders[0]!;
  expect(args.slice(0, 2)).toEqual(["predict", join(data, "imagesTr/ct_0000.nii.gz")]);
  const aside = args[args.indexOf("--out") + 1]!;
  for (const end of ["_uncertainty", "_sample_1", ""])
    writeFileSync(join(aside, `ct_0000${end}.nii.gz`), end);
  await finish!();
  await cleanUp!();
  expect(readdirSync(join(dir, "run/maps")).sort()).toEqual([
    "ct.nii.gz",
    "ct_sample_1.nii.gz",
    "ct_uncertainty.nii.gz",
  ]);
  expect(existsSync(aside)).toBe(false);
});
