// A lock between processes: a file with the id of the process that holds it.
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";

/** Waits until no other process holds the lock, then holds it until the returned function or this process ends it. */
export function takeLock(file) {
  while (!tryToTake(file)) {
    if (!isHeld(file)) rmSync(file, { force: true });
    else pause(200);
  }
  const release = () => rmSync(file, { force: true });
  process.on("exit", release);
  return () => {
    process.off("exit", release);
    release();
  };
}

function tryToTake(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

// A process that was killed leaves its file behind.
function isHeld(file) {
  if (!existsSync(file)) return false;
  const holder = Number(readFileSync(file, "utf8"));
  return holder ? isRunning(holder) : wasJustMade(file);
}

function isRunning(processNumber) {
  try {
    return process.kill(processNumber, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}

// A new file is empty for a moment, before its process writes the id.
function wasJustMade(file) {
  return Date.now() - statSync(file).mtimeMs < 1000;
}

function pause(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
