#!/usr/bin/env node
// Builds plugins: hookyard-build [FOLDER …], each to FOLDER/dist/NAME.wasm, where NAME is the folder's name.

import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";

import { BuildError } from "../build/bundle.js";
import { buildComponent, plan } from "../build/component.js";

const folders = process.argv.slice(2);
if (folders.some((folder) => folder.startsWith("-"))) {
  console.error("usage: hookyard-build [FOLDER …]    default: the folder it is called in\n\nBuilds FOLDER/src/plugin.ts (or .js) to FOLDER/dist/NAME.wasm, where NAME is the folder's name.");
  process.exit(folders.includes("--help") ? 0 : 2);
}

/** @param {string} folder */
async function build(folder) {
  const out = join(folder, "dist", `${basename(folder)}.wasm`);
  const planned = await plan(folder);
  const { exports, imports, key } = planned;
  // What would be the same is not built again: a folder of plugins is rebuilt whenever one of them changes.
  const kept = `${out}.key`;
  if (existsSync(out) && existsSync(kept) && readFileSync(kept, "utf8") === key) {
    console.log(`${relative(".", out)}: up to date`);
    return;
  }
  const component = await buildComponent(planned);
  mkdirSync(join(folder, "dist"), { recursive: true });
  writeFileSync(`${out}.new`, component); // in one step, as a host may be watching
  renameSync(`${out}.new`, out);
  writeFileSync(kept, key);
  console.log(`${relative(".", out)}: ${(component.length / 2 ** 20).toFixed(1)} MiB`);
  console.log(`  handles   ${exports.join("\n            ")}`);
  console.log(`  asks for  ${imports.join("\n            ")}`);
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
