import { badInput, PenumbraError } from "../errors.js";
import { cpuCapability, setupCommand } from "./find-libtorch.js";
import { libtorchFacts } from "./libtorch.js";
import type { Precision } from "./precision.js";

/**
 * Checks that a device, "cpu", "cuda", "cuda:1" or "mps", is there.
 * @throws PenumbraError "bad-input" for another word, "environment" when this libtorch does not see the device.
 */
export function checkDevice(device: string): string {
  if (device === "cpu") return device;
  const { cudaDevices, mps, version } = libtorchFacts();
  const cuda = /^cuda(?::(\d+))?$/.exec(device);
  if (!cuda && device !== "mps") throw badInput(`--device ${device}: expected cpu, cuda, cuda:N or mps`);
  const there = cuda ? Number(cuda[1] ?? 0) < cudaDevices : mps;
  if (there) return device;
  throw new PenumbraError(
    "environment",
    `device ${device} is not there: libtorch ${version} sees ${cudaDevices} CUDA devices and ${mps ? "an" : "no"} MPS device; ` +
      `use --device cpu, or point TORCH_DIR to a libtorch built for it and run: ${setupCommand()}`,
  );
}

/** @throws PenumbraError "bad-input" for another word. "auto" is bf16 where the hardware computes it natively (AMX, AVX-512 BF16, CUDA from Ampere on), else fp32. */
export function resolvePrecision(wanted: Precision | "auto", device: string): Precision {
  if (wanted === "fp32" || wanted === "bf16") return wanted;
  if (wanted !== "auto") throw badInput(`precision "${wanted}": expected auto, fp32 or bf16`);
  if (device.startsWith("cuda")) return libtorchFacts().cudaBf16 ? "bf16" : "fp32";
  const { amx, avx512Bf16 } = cpuCapability();
  return device === "cpu" && (amx || avx512Bf16) ? "bf16" : "fp32";
}
