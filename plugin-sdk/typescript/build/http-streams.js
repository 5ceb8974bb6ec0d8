// Works around a limit of componentize-qjs. During a plugin's top level it provides real streams but stubs all other
// imports, so `wasi:http`, which uses streams, cannot link. The streams therefore come from packages with another
// version, which componentize-qjs stubs too. The finished component gets the real version.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The packages whose types `wasi:http` uses. */
const SHARED = ["io", "clocks"];

/** A version of the same length that is not compatible with 0.2. */
const STAND_IN = "@0.9.12";

/** A version compatible with the engine's `@0.2.12`, but different: a component cannot import one name twice. */
const MEANT = "@0.2.10";

/** Adds the stand-ins to a folder of packages, and makes `wasi:http` use them. @param {string} deps */
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
  // latin1 has one character per byte, so no other byte changes.
  return Buffer.from(component.toString("latin1").replace(names, `$1${MEANT}`), "latin1");
}
