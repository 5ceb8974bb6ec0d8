// A way around a limit of componentize-qjs: while it runs a plugin's top level, it gives the engine real streams and
// everything else stand-ins, so that `wasi:http` with its streams fits neither. Here they come from packages of
// another version, which it takes for strangers; the finished component says which ones are meant.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What `wasi:http` takes from elsewhere. */
const SHARED = ["io", "clocks"];

/** Of the same length, and not compatible with 0.2. */
const STAND_IN = "@0.9.12";

/** Compatible with the engine's own `@0.2.12`, and not the same: a component cannot import one name twice. */
const MEANT = "@0.2.10";

/** Adds the stand-ins to a folder of packages, and lets `wasi:http` use them. @param {string} deps */
export function separate(deps) {
  const names = `wasi:(?:${SHARED.join("|")})`;
  const used = new RegExp(`(${names}(?:/[\\w-]+)?)@0\\.2\\.12`, "g");
  for (const name of [...SHARED, "http"]) {
    const text = readFileSync(join(deps, `${name}.wit`), "utf8").replace(used, `$1${STAND_IN}`);
    writeFileSync(join(deps, name === "http" ? "http.wit" : `${name}-stand-in.wit`), text);
  }
}

/** Gives the stand-ins their real names. @param {Buffer} component */
export function rename(component) {
  const names = new RegExp(`(wasi:(?:${SHARED.join("|")})/[a-z-]+)${STAND_IN.replaceAll(".", "\\.")}`, "g");
  // latin1 has a character for each byte, so that nothing else changes.
  return Buffer.from(component.toString("latin1").replace(names, `$1${MEANT}`), "latin1");
}
