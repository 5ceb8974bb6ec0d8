// Bundles an author's tests with fakes of the host's interfaces, and runs them in Node.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";

import { build } from "esbuild";

import { BuildError, INTERFACE, OWN, errorText, ownModule } from "./bundle.js";
import { SDK, typedPackages } from "./packages.js";

/** The typed handlers, as tests know them. @param {string} folder @returns {import("esbuild").Plugin} */
function packages(folder) {
  return {
    name: "hookyard-packages",
    setup(on) {
      on.onResolve({ filter: /^hookyard:packages$/ }, () => ({ path: "packages", namespace: "hookyard" }));
      on.onLoad({ filter: /./, namespace: "hookyard" }, () => ({
        contents: `export const packages = ${JSON.stringify(typedPackages(folder))};`,
      }));
    },
  };
}

/** The modules around what a test imports: src/test/engine.ts. */
const ENTER = join(SDK, "src", "test", "enter.ts");
const LEAVE = join(SDK, "src", "test", "leave.ts");

/**
 * Lets the modules that a test imports begin with the engine's globals. The first line of the test keeps its number.
 * @param {string[]} tests @returns {import("esbuild").Plugin}
 */
function engine(tests) {
  return {
    name: "hookyard-engine",
    setup(on) {
      on.onLoad({ filter: /\.test\.m?[jt]s$/ }, ({ path }) => {
        if (!tests.includes(path)) return undefined;
        const text = readFileSync(path, "utf8");
        const contents = `import ${JSON.stringify(ENTER)}; ${text}\nimport ${JSON.stringify(LEAVE)};\n`;
        return { contents, loader: /\.m?ts$/.test(path) ? "ts" : "js" };
      });
    },
  };
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

/** The environment of tests on the built component. @param {string} folder */
function onComponent(folder) {
  const file = join(folder, "dist", `${basename(folder)}.wasm`);
  if (!existsSync(file)) throw new BuildError(`${file} is not there: hookyard-build makes it`);
  return { HOOKYARD_WASM: file };
}

/** Runs the tests of a folder. @param {string} folder @param {{ wasm?: boolean }} options */
export async function runTests(folder, { wasm = false } = {}) {
  const component = wasm ? onComponent(folder) : {};
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
      plugins: [fakes, packages(folder), engine(entryPoints)],
    });
    const files = Object.keys(metafile.outputs).map((file) => join(folder, file));
    const options = ["--enable-source-maps", "--test", "--test-reporter=spec"];
    // The engine's local time is UTC. With NODE_TEST_CONTEXT, Node skips tests that run inside another test.
    const env = { ...process.env, ...component, TZ: "UTC", NODE_TEST_CONTEXT: undefined };
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
