// Generates src/generated from the WIT: the host's interfaces. `hookyard wit generate` makes the types of events. With --check, only checks that it is up to date.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { SDK, findInterface, pascalCase, readPackages } from "./packages.js";
import { funcText, typeDefText } from "./typescript.js";

/** @typedef {import("./packages.js").Package} Package */
/** @typedef {import("./parse-wit.js").Interface} Interface */

/** The interfaces that the SDK imports. */
const CAPABILITIES = [
  "hookyard:event/metadata",
  "hookyard:plugin/outbox",
  "wasi:cli/exit",
  "wasi:config/store",
  "wasi:http/outgoing-handler",
  "wasi:keyvalue/atomics",
  "wasi:keyvalue/batch",
  "wasi:keyvalue/store",
  "wasi:logging/logging",
  "wasi:random/random",
];

const HEAD = "// Made from the WIT by `npm run generate`; changes belong there.\n";

const packages = readPackages();

/** The full name of the interface in a `use`. @param {string} from @param {Package} owner */
function usedName(from, owner) {
  return from.includes(":") ? /** @type {string} */ (from.split("@")[0]) : `${owner.name}/${from}`;
}

/** Declares the capabilities as modules, which plugins' bundles import. */
function imports() {
  /** @type {Map<string, string>} */
  const modules = new Map();
  /** @param {string} name */
  const add = (name) => {
    if (modules.has(name)) return;
    modules.set(name, "");
    const { in: owner, interface: one } = findInterface(packages, name);
    const uses = one.uses.map((use) => {
      const from = usedName(use.from, owner);
      add(from);
      const names = use.names.map(({ name, as }) =>
        name === as ? pascalCase(name) : `${pascalCase(name)} as ${pascalCase(as)}`,
      );
      return `  import type { ${names.join(", ")} } from "${from}";\n`;
    });
    // Omits the documentation: authors of plugins do not use these modules directly.
    const types = one.types.map((type) => typeDefText(withoutDocs(type), "  "));
    const funcs = one.funcs.map((func) => funcText({ ...func, docs: [] }, "  "));
    modules.set(name, `declare module "${name}" {\n${[...uses, ...types, ...funcs].join("")}}\n`);
  };
  CAPABILITIES.forEach(add);
  return `${HEAD}\n${[...modules].sort(([a], [b]) => a.localeCompare(b)).map(([, text]) => text).join("\n")}`;
}

/** @param {import("./parse-wit.js").TypeDef} type */
function withoutDocs(type) {
  return { ...type, docs: [], members: type.members.map((member) => ({ ...member, docs: [] })) };
}

/** @type {Record<string, string>} */
const files = { "imports.d.ts": imports() };
const hookyard = packages.find((one) => one.name === "hookyard:plugin");
const shared = hookyard?.interfaces.find((one) => one.name === "types")?.types ?? [];
files["types.ts"] = `${HEAD}\n${shared.map((type) => typeDefText(type)).join("\n")}`;

const folder = join(SDK, "src", "generated");
mkdirSync(folder, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  const path = join(folder, name);
  if (!process.argv.includes("--check")) writeFileSync(path, text);
  else if (readFileSync(path, "utf8") !== text) {
    console.error(`src/generated/${name} is not what the WIT says: npm run generate`);
    process.exitCode = 1;
  }
}
