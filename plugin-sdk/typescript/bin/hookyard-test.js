#!/usr/bin/env node
// Tests plugins natively: hookyard-test [FOLDER …]. Checks their types where there is a tsconfig.json, and runs
// FOLDER/test/**/*.test.{ts,js} by node:test with fakes in place of the host's capabilities.

import { resolve } from "node:path";

import { BuildError } from "../build/bundle.js";
import { checkTypes, runTests } from "../build/testing.js";

const folders = process.argv.slice(2);
if (folders.some((folder) => folder.startsWith("-"))) {
  console.error("usage: hookyard-test [FOLDER …]    default: the folder it is called in\n\nChecks types, and runs FOLDER/test/**/*.test.{ts,js} with fakes in place of the host.");
  process.exit(folders.includes("--help") ? 0 : 2);
}

for (const folder of (folders.length > 0 ? folders : ["."]).map((one) => resolve(one))) {
  try {
    if (!checkTypes(folder) || !(await runTests(folder))) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
