// Makes a component from a bundle and the engine. Its world has only the plugin's exports and imports.

import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { componentize } from "componentize-qjs";

import { BuildError, bundle } from "./bundle.js";
import { rename, separate } from "./http-streams.js";
import { SDK, eventPackages, findInterface, fullName, readPackages } from "./packages.js";

/** @typedef {import("./packages.js").Package} Package */

/**
 * The inputs of a component. Plans with the same `key` give the same component.
 * @typedef {ReturnType<typeof eventPackages>} EventPackages
 * @typedef {{ code: string, exports: string[], imports: string[], packages: Package[], events: EventPackages, key: string }} Plan
 */

/** Bundles the plugin in a folder and determines its world. @param {string} folder @returns {Promise<Plan>} */
export async function plan(folder) {
  const packages = readPackages();
  const events = eventPackages(folder);
  const { code, exports, ...bundled } = await bundle(folder);
  const imports = bundled.imports.map((name) => importedName(packages, name));
  const tools = readFileSync(join(SDK, "package.json"), "utf8"); // contains the engine's version
  const parts = [code, exports, imports, packages.map((one) => one.interfaces), [...events], tools];
  const key = createHash("sha256").update(JSON.stringify(parts)).digest("hex");
  return { code, exports, imports, packages, events, key };
}

/** Builds the component. @param {Plan} plan @returns {Promise<Buffer>} */
export async function buildComponent({ code, exports, imports, packages, events }) {
  const wit = writeWorld(packages, events, exports, imports);
  const http = imports.some((name) => name.startsWith("wasi:http/"));
  try {
    if (http) separate(join(wit, "deps"));
    // The engine asks WASI for what a verifier may not have.
    const stubWasi = exports.some((name) => name.startsWith("hookyard:verifier/"));
    const { component } = await componentize({ witPath: wit, world: "plugin", jsSource: code, sync: true, stubWasi });
    return http ? rename(component) : component;
  } catch (error) {
    throw new BuildError(explain(String(/** @type {Error} */ (error).message ?? error)));
  } finally {
    rmSync(wit, { recursive: true });
  }
}

/** @param {Package[]} packages @param {string} name */
function importedName(packages, name) {
  try {
    const found = findInterface(packages, name);
    return fullName(found.in, found.interface.name);
  } catch {
    throw new BuildError(`the plugin imports ${name}: the host has no such interface, and there is no such package`);
  }
}

/** Makes a folder with the world and all packages. @param {Package[]} packages @param {EventPackages} events @param {string[]} exports @param {string[]} imports */
function writeWorld(packages, events, exports, imports) {
  const folder = mkdtempSync(join(tmpdir(), "hookyard-"));
  const lines = [...imports.map((name) => `  import ${name};`), ...exports.map((name) => `  export ${name};`)];
  writeFileSync(join(folder, "plugin.wit"), `package hookyard:built;\nworld plugin {\n${lines.join("\n")}\n}\n`);
  mkdirSync(join(folder, "deps"));
  for (const { path } of packages) cpSync(path, join(folder, "deps", basename(path)), { recursive: true });
  for (const [id, files] of events) {
    const path = join(folder, "deps", id.replace(/[:@]/g, "-"));
    mkdirSync(path);
    for (const { name, text } of files) writeFileSync(join(path, name), text);
  }
  return folder;
}

/** Rewrites the engine's errors, which refer to the bundle, for the author of the sources. @param {string} message */
function explain(message) {
  const asked = message.match(/unknown import: `(.*)` has not been defined/)?.[1];
  if (asked) {
    return `a module's top level calls ${asked}: it runs when the plugin is built, where no host is; what asks the host for something belongs into a handler`;
  }
  return message.replace(/^[^]*module evaluation: /, "").replace(/\n\s+at [^]*/, "");
}
