#!/usr/bin/env node
// Builds plugins: hookyard-build [FOLDER …] checks types and writes FOLDER/dist/NAME.wasm for each. NAME is the folder's
// name.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";

import { BuildError } from "../build/bundle.js";
import { buildComponent, plan } from "../build/component.js";
import { typeErrors } from "../build/types.js";

const folders = process.argv.slice(2);
if (folders.some((folder) => folder.startsWith("-"))) {
  console.error("usage: hookyard-build [FOLDER …]    default: the folder it is called in\n\nChecks the types of FOLDER if it has a tsconfig.json, and builds FOLDER/src/plugin.ts (or .js) to\nFOLDER/dist/NAME.wasm, where NAME is the folder's name.");
  process.exit(folders.includes("--help") ? 0 : 2);
}

/** @param {string} folder */
async function build(folder) {
  const types = typeErrors(folder);
  try {
    await make(folder, types);
  } catch (error) {
    await refuse(types); // the cause of the other error, often
    throw error;
  }
}

/** Makes the component while the types are checked. @param {string} folder @param {Promise<string>} types */
async function make(folder, types) {
  const out = join(folder, "dist", `${basename(folder)}.wasm`);
  const planned = await plan(folder);
  const { exports, imports, key } = planned;
  // Skips plugins whose inputs have not changed: a change in one plugin rebuilds the whole folder of plugins.
  const kept = `${out}.key`;
  if (existsSync(out) && existsSync(kept) && readFileSync(kept, "utf8") === key) {
    await refuse(types);
    console.log(`${relative(".", out)}: up to date`);
    return;
  }
  const component = await buildComponent(planned);
  await refuse(types);
  mkdirSync(join(folder, "dist"), { recursive: true });
  writeFileSync(`${out}.new`, component); // replaces the file atomically, because a host may watch it
  renameSync(`${out}.new`, out);
  writeFileSync(kept, key);
  console.log(`${relative(".", out)}: ${(component.length / 2 ** 20).toFixed(1)} MiB`);
  console.log(`  handles   ${exports.join("\n            ")}`);
  console.log(`  asks for  ${imports.join("\n            ")}`);
}

/** @param {Promise<string>} types */
async function refuse(types) {
  const errors = await types;
  if (errors) throw new BuildError(`the types do not fit\n${errors}`);
}

for (const folder of folders.length > 0 ? folders : ["."]) {
  try {
    await build(resolve(folder));
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`${basename(resolve(folder))}: ${error.message}`);
    process.exitCode = 1;
  }
}
