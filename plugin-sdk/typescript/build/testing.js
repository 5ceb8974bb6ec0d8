// An author's tests: type-checked, bundled with fakes in place of the host's interfaces, and run by Node.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

import { build } from "esbuild";

import { BuildError, INTERFACE, OWN, errorText, ownModule } from "./bundle.js";
import { SDK } from "./packages.js";

/** Checks the types of a plugin that has a tsconfig.json. @param {string} folder */
export function checkTypes(folder) {
  if (!existsSync(join(folder, "tsconfig.json"))) return true;
  const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
  return spawnSync(process.execPath, [tsc, "--noEmit"], { cwd: folder, stdio: "inherit" }).status === 0;
}

/** @type {import("esbuild").Plugin} */
const fakes = {
  name: "hookyard-fakes",
  setup(on) {
    on.onResolve({ filter: OWN }, ownModule);
    on.onResolve({ filter: INTERFACE }, ({ path }) => {
      if (path.startsWith("node:")) return undefined;
      const fake = join(SDK, "src", "test", "fakes", `${path.replace(/@.*/, "").replace(/[:/]/g, "-")}.ts`);
      return existsSync(fake) ? { path: fake } : { errors: [{ text: `tests have nothing in place of ${path}` }] };
    });
    on.onResolve({ filter: /\/wasi\/exchange\.ts$/ }, () => ({ path: join(SDK, "src", "test", "exchange.ts") }));
  },
};

/** Runs the tests of a folder. @param {string} folder */
export async function runTests(folder) {
  const entryPoints = testsIn(join(folder, "test"));
  if (entryPoints.length === 0) throw new BuildError(`${folder}: there is no test in test/`);
  const outdir = join(folder, "dist", "test");
  rmSync(outdir, { recursive: true, force: true });
  try {
    const { metafile } = await build({
      absWorkingDir: folder,
      entryPoints,
      outdir,
      outbase: join(folder, "test"),
      outExtension: { ".js": ".mjs" },
      bundle: true,
      metafile: true,
      format: "esm",
      platform: "node",
      target: "node20",
      packages: "external",
      sourcemap: "inline",
      logLevel: "silent",
      plugins: [fakes],
    });
    const files = Object.keys(metafile.outputs).map((file) => join(folder, file));
    const options = ["--enable-source-maps", "--test", "--test-reporter=spec"];
    // A test that runs these tests is no reason to skip them.
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined };
    return spawnSync(process.execPath, [...options, ...files], { cwd: folder, env, stdio: "inherit" }).status === 0;
  } catch (error) {
    throw new BuildError(errorText(error));
  }
}

/** @param {string} folder @returns {string[]} */
function testsIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return testsIn(path);
    return /\.test\.m?[jt]s$/.test(entry.name) ? [path] : [];
  });
}
