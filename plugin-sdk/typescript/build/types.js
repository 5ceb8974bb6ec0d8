// Checks types with the TypeScript compiler. A JavaScript plugin has no tsconfig.json and is not checked.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const TSC = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");

/**
 * Checks a plugin's own code, and its tests if `tests` is set. Returns the compiler's messages; none if the types are right.
 * The code in src/ has the engine's globals, and the tests, with a tsconfig.json of their own, those of Node too.
 * @param {string} folder @param {{ tests?: boolean }} [options]
 */
export async function typeErrors(folder, { tests = false } = {}) {
  const projects = [folder, ...(tests ? [join(folder, "test")] : [])];
  const outputs = projects.filter((project) => existsSync(join(project, "tsconfig.json"))).map((project) => run(project, folder));
  // Both projects contain src/, so they can have the same message.
  const lines = (await Promise.all(outputs)).flatMap((output) => output.split("\n"));
  return [...new Set(lines)].join("\n").replace(/^(.+?)\((\d+),(\d+)\): /gm, "$1:$2:$3: ").trimEnd();
}

/** @param {string} project @param {string} cwd @returns {Promise<string>} */
function run(project, cwd) {
  return new Promise((resolve, reject) => {
    const tsc = spawn(process.execPath, [TSC, "--noEmit", "--pretty", "false", "--project", project], { cwd });
    let output = "";
    for (const stream of [tsc.stdout, tsc.stderr]) stream.setEncoding("utf8").on("data", (part) => (output += part));
    tsc.on("error", reject);
    tsc.on("close", (code) => resolve(code === 0 ? "" : output || `tsc ended with ${code}`));
  });
}
