import { availableParallelism, cpus } from "node:os";
import { checkDevice, resolvePrecision } from "../engine/device.js";
import { flushDenormals, libtorchFacts, setThreads } from "../engine/libtorch.js";
import type { Precision } from "../engine/precision.js";
import { packageVersion } from "../version.js";
import type { Config } from "./config.js";
import type { RunRecord } from "./run-record.js";

/** What a run is computed with. The same again gives the same numbers, on the CPU to the bit. */
export interface EngineSetup {
  readonly device: string;
  readonly precision: Precision;
  readonly threads: number;
  readonly libtorch: string;
  readonly processor: string;
}

/** What "auto" comes to on this machine. @throws PenumbraError as `checkDevice` */
export const precisionOf = ({ precision, device }: Config): Precision =>
  resolvePrecision(precision, checkDevice(device));

/**
 * Sets the engine up for a run. One that goes on keeps the precision and the threads that it began with: "auto" and
 * "all cores" are decided once. `asked`: threads that this very call wants.
 */
export function setUpEngine(config: Config, began: RunRecord | null, asked?: number): EngineSetup {
  const device = checkDevice(config.device);
  const threads = setThreads(asked ?? began?.threads ?? config.threads, availableParallelism());
  flushDenormals();
  return {
    device,
    precision: began?.precision ?? precisionOf(config),
    threads,
    libtorch: libtorchFacts().version,
    processor: cpus()[0]?.model ?? "unknown",
  };
}

/**
 * How this machine differs from the one a run began on; null where the run goes on to the same bits.
 * @param device where it began
 */
export function differenceOf(here: EngineSetup, began: RunRecord, device: string): string | null {
  const pairs: [string, string | number | undefined, string | number][] = [
    ["penumbra", began.penumbra, packageVersion()],
    ["device", device, here.device],
    ["libtorch", began.libtorch, here.libtorch],
    ["processor", began.processor, here.processor],
    ["threads", began.threads, here.threads],
  ];
  const changed = pairs.filter(([, then, now]) => then !== undefined && then !== now);
  if (changed.length === 0) return null;
  const list = changed.map(([name, then, now]) => `${name} ${then}, now ${now}`).join("; ");
  return `this run began with ${list}: it goes on, but not to the same bits`;
}
