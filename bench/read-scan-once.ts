// node read-scan-once.js PATH: reads a scan and prints seconds and peak memory
import { readVolume } from "#dist/volume/read.js";
import { peakRssGb } from "./measure.js";

const start = performance.now();
await readVolume(process.argv[2]!);
const seconds = (performance.now() - start) / 1000;
process.stdout.write(JSON.stringify({ seconds, peakGb: peakRssGb() }));
