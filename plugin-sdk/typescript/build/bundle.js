// Bundles a plugin's sources into one module for the engine, with esbuild.

import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

import { build } from "esbuild";

import { SDK, handlers } from "./packages.js";

/** @typedef {import("./packages.js").Handler} Handler */

/** The possible entry modules of a plugin. */
const ENTRIES = ["src/plugin.ts", "src/plugin.js", "src/plugin.mts", "src/plugin.mjs"];

/** The possible entry modules of a verifier. */
const VERIFIERS = ["src/verifier.ts", "src/verifier.js", "src/verifier.mts", "src/verifier.mjs"];

/** The interface of verifiers. */
const VERIFY = "hookyard:verifier/verify@0.1.0";

/** The form of interface imports: `wasi:logging/logging`, with or without a version. */
export const INTERFACE = /^[a-z][\w-]*:[\w-]+\/[\w-]+(@.*)?$/;

/** A plugin always gets the SDK that builds it, not an installed one. */
export const OWN = /^@hookyard\/plugin(\/.+)?$/;

/** @type {{ name: string, exports: Record<string, string> }} */
const { name: NAME, exports: EXPORTS } = JSON.parse(readFileSync(join(SDK, "package.json"), "utf8"));

/** An error that is shown without a stack. */
export class BuildError extends Error {}

/** The entry module of a verifier, if the folder has one. @param {string} folder */
export function verifierOf(folder) {
  return VERIFIERS.map((name) => join(folder, name)).find((path) => existsSync(path));
}

/** @param {string} folder */
export function entryOf(folder) {
  const entry = ENTRIES.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (!entry) throw new BuildError(`${folder}: a plugin begins in src/plugin.ts or src/plugin.js, and neither is there`);
  return entry;
}

/**
 * Resolves the SDK's modules, and the host's interfaces as the component's imports.
 * @type {import("esbuild").Plugin}
 */
const hookyard = {
  name: "hookyard",
  setup(on) {
    on.onResolve({ filter: OWN }, ownModule);
    on.onResolve({ filter: INTERFACE }, ({ path }) =>
      path.startsWith("node:") ? undefined : { path, external: true, sideEffects: false },
    );
  },
};

/** A module of the SDK. @param {{ path: string }} imported @returns {import("esbuild").OnResolveResult} */
export function ownModule({ path }) {
  const file = EXPORTS[`.${path.slice(NAME.length)}`];
  return file ? { path: join(SDK, file), sideEffects: file.includes("/guest/") } : { errors: [{ text: `${NAME} has no ${path}` }] };
}

/**
 * @param {import("esbuild").BuildOptions} options
 * @returns {Promise<import("esbuild").BuildResult<{ write: false, metafile: true }>>}
 */
async function run(options) {
  try {
    return await build({
      bundle: true,
      write: false,
      metafile: true,
      format: "esm",
      target: "es2023",
      platform: "neutral",
      mainFields: ["module", "main"],
      charset: "utf8",
      legalComments: "none",
      logLevel: "silent",
      plugins: [hookyard],
      ...options,
    });
  } catch (error) {
    throw new BuildError(errorText(error));
  }
}

/** Formats esbuild's errors with their places. @param {unknown} error */
export function errorText(error) {
  const { errors } = /** @type {Partial<import("esbuild").BuildFailure>} */ (error);
  if (!errors) throw error;
  return errors
    .map(({ text, location }) => (location ? `${location.file}:${location.line}:${location.column + 1}: ${text}` : text))
    .join("\n");
}

/**
 * Bundles a plugin.
 * @param {string} folder
 * @returns {Promise<{ code: string, exports: string[], imports: string[] }>}
 */
export async function bundle(folder) {
  const absWorkingDir = resolve(folder);
  const verifier = verifierOf(folder);
  if (verifier) {
    const contents = `import { exported } from "@hookyard/plugin/guest/verifier";
import { verify as own } from ${JSON.stringify(verifier)};
export const verify = exported(own);`;
    const { code, imports } = await finish(absWorkingDir, contents);
    if (imports.length > 0) throw new BuildError(`a verifier imports nothing, and this one imports ${imports.join(", ")}`);
    return { code, exports: [VERIFY], imports };
  }
  const entry = entryOf(folder);
  const alone = await run({ absWorkingDir, entryPoints: [entry] });
  const [output] = Object.values(alone.metafile.outputs);
  const exported = chosen(output?.exports ?? [], handlers(folder));

  const contents = entryModule(entry, exported, usesRandom(alone.outputFiles[0]?.text ?? ""));
  const { code, imports } = await finish(absWorkingDir, contents);
  return { code, exports: exported.map((one) => one.interface), imports };
}

/**
 * Bundles an entry module with all that it imports.
 * @param {string} absWorkingDir @param {string} contents
 * @returns {Promise<{ code: string, imports: string[] }>}
 */
async function finish(absWorkingDir, contents) {
  const whole = await run({
    absWorkingDir,
    stdin: { contents, resolveDir: absWorkingDir, sourcefile: "entry" },
    sourcemap: "external",
    sourcesContent: false,
    outdir: absWorkingDir,
  });
  const code = whole.outputFiles.find((file) => file.path.endsWith(".js"));
  const map = whole.outputFiles.find((file) => file.path.endsWith(".map"));
  const [meta] = Object.entries(whole.metafile.outputs).filter(([path]) => path.endsWith(".js"));
  if (!code || !map || !meta) throw new Error("esbuild has left no bundle");
  const imports = meta[1].imports.filter((one) => one.external).map((one) => one.path);
  return { code: code.text + sourceMap(map.text, absWorkingDir), imports: [...new Set(imports)].sort() };
}

/** The handlers that the entry module exports. Any other export is an error, so a misspelt handler is noticed. @param {string[]} names @param {Handler[]} known */
function chosen(names, known) {
  if (names.length === 0) throw new BuildError(`the plugin exports no handler; it could be one of ${known.map((one) => one.exportName).join(", ")}`);
  return names.map((name) => {
    const found = known.filter((one) => one.exportName === name);
    if (found.length === 1 && found[0]) return found[0];
    throw new BuildError(
      `the plugin exports ${name}, which is no handler; handlers are ${known.map((one) => one.exportName).join(", ")}. Keep what else it has in modules of its own.`,
    );
  });
}

/** @param {string} code */
function usesRandom(code) {
  return /\bcrypto\b/.test(code) || (/\bMath\b/.test(code) && /\brandom\b/.test(code));
}

/** @param {string} entry @param {Handler[]} exported @param {boolean} random */
function entryModule(entry, exported, random) {
  const types = [...new Set(exported.map((one) => one.types))];
  const lines = exported.map(({ exportName, event, payload, ...one }) =>
    event === undefined
      ? `export const ${exportName} = generic(plugin.${exportName});`
      : `export const ${exportName} = typed("${exportName}", "${event}", plugin.${exportName}, ${JSON.stringify(payload)}, types[${types.indexOf(one.types)}]);`,
  );
  return [
    `import { generic, typed } from "@hookyard/plugin/guest";`,
    random ? `import "@hookyard/plugin/guest/random";` : "",
    `import * as plugin from ${JSON.stringify(entry)};`,
    `const types = ${JSON.stringify(types)};`,
    ...lines,
  ].join("\n");
}

/** The last line of a plugin: the source map for its stacks. @param {string} json @param {string} folder */
function sourceMap(json, folder) {
  const { sources, mappings } = JSON.parse(json);
  const named = sources.map((/** @type {string} */ source) => {
    const path = resolve(folder, source);
    if (source === "entry" || source === "<stdin>") return "@hookyard/plugin/entry";
    return path.startsWith(`${SDK}/`) ? `@hookyard/plugin/${path.slice(SDK.length + 1)}` : source;
  });
  return `globalThis.__hookyardSourceMap = ${JSON.stringify({ sources: named, mappings })};\n`;
}
