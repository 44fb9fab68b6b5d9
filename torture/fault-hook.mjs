// Loaded before the program (node --import): counts its calls that change files, and at one of them kills the process
// or lets it fail, and all after it. What is done comes as JSON in FAULT, for example {"kill": 17}, {"fail": 9, "code":
// "ENOSPC"}, or {} to count only; the count goes to standard error at the end. Writes to one file in a row are one call.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { isMainThread } from "node:worker_threads";

const fault = JSON.parse(process.env.FAULT ?? "{}");
const say = fs.writeSync.bind(fs, 2);
const names = new Map(); // of open files, by number
let calls = 0;
let writes = 0; // of the present call
let last = "";

/** A write is cut in half; any other call is killed before it for odd numbers, after it for even ones. */
function die(name, what, call, args) {
  if (name === "writeSync") {
    const [file, bytes, offset = 0, length = bytes.length - offset] = args;
    call(file, bytes, offset, Math.floor(length / 2));
  } else if (calls % 2 === 0) call(...args);
  say(`fault: killed at call ${calls}, ${name} ${what}\n`);
  process.kill(process.pid, "SIGKILL");
}

function fail(name, what) {
  say(`fault: ${fault.code} at call ${calls}, ${name} ${what}\n`);
  throw Object.assign(new Error(`${fault.code}: injected, ${name}`), { code: fault.code });
}

/** Of the writes of a call, the one that is cut: not always the first. */
const isTheOne = () => calls > fault.kill || (calls === fault.kill && writes === (fault.kill * 37) % 101);

function watch(name, changes) {
  const call = fs[name];
  fs[name] = (...args) => {
    if (!changes(args)) return call(...args);
    const what = names.get(args[0]) ?? args[0];
    const again = name === "writeSync" && last === `${name} ${what}`;
    last = `${name} ${what}`;
    if (!again) calls++;
    writes = again ? writes + 1 : 0;
    if (name === "writeSync" ? isTheOne() : calls >= fault.kill) die(name, what, call, args);
    if (calls >= fault.fail && (fault.on ?? name) === name) fail(name, what);
    const result = call(...args);
    if (name === "openSync") names.set(result, args[0]);
    return result;
  };
}

function watchAll() {
  const close = fs.closeSync;
  fs.closeSync = (file) => {
    names.delete(file);
    return close(file);
  };
  const always = () => true;
  watch("openSync", ([, flags]) => typeof flags === "string" && flags !== "r");
  watch("writeSync", ([file]) => names.has(file));
  for (const name of ["fsyncSync", "renameSync", "linkSync", "rmSync", "mkdirSync", "writeFileSync"])
    watch(name, always);
  syncBuiltinESMExports();
  process.on("exit", () => say(`fault: ${calls} calls\n`));
}

if (isMainThread) watchAll();
