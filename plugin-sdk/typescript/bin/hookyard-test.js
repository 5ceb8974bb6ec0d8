#!/usr/bin/env node
// Tests plugins: hookyard-test [--wasm] [FOLDER …]. Checks the types if there is a tsconfig.json, and runs
// FOLDER/test/**/*.test.{ts,js} with node:test and with fakes of the host's capabilities.

import { resolve } from "node:path";

import { BuildError } from "../build/bundle.js";
import { runTests } from "../build/testing.js";
import { typeErrors } from "../build/types.js";

const USAGE = `usage: hookyard-test [--wasm] [FOLDER …]    default: the folder it is called in

Checks types, and runs FOLDER/test/**/*.test.{ts,js} with fakes in place of the host. With --wasm, deliveries run on
FOLDER/dist/NAME.wasm, as hookyard-build made it, in the host's own program hookyard.`;

const flags = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const folders = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
if (flags.some((flag) => flag !== "--wasm")) {
  console.error(USAGE);
  process.exit(flags.includes("--help") ? 0 : 2);
}

for (const folder of (folders.length > 0 ? folders : ["."]).map((one) => resolve(one))) {
  try {
    const errors = await typeErrors(folder, { tests: true });
    if (errors) throw new BuildError(errors);
    if (!(await runTests(folder, { wasm: flags.includes("--wasm") }))) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
