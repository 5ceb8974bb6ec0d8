// Writes src/generated from the WIT, or with --check only says whether it is in step.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { SDK, findInterface, handlers, pascalCase, readPackages } from "./packages.js";
import { readSample } from "./samples.js";
import { funcText, typeDefText } from "./typescript.js";

/** @typedef {import("./packages.js").Package} Package */
/** @typedef {import("./parse-wit.js").Interface} Interface */

/** What the SDK imports. */
const CAPABILITIES = [
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

/** The name of an interface that a `use` names, with its package. @param {string} from @param {Package} owner */
function usedName(from, owner) {
  return from.includes(":") ? /** @type {string} */ (from.split("@")[0]) : `${owner.name}/${from}`;
}

/** The capabilities, as modules that plugins' bundles import. */
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
    // The documentation stands in the WIT; here it would only be read by the SDK's own authors.
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

/** The types of a package, which all go to one file. @param {string} name */
function typesOf(name) {
  const owner = packages.find((one) => one.name === name);
  if (!owner) throw new Error(`there is no package ${name}`);
  const types = new Map(owner.interfaces.flatMap((one) => one.types.map((type) => [type.name, type])));
  if (types.size < owner.interfaces.flatMap((one) => one.types).length) {
    throw new Error(`${name}: two interfaces name a type alike, so they cannot share a module`);
  }
  return { owner, types, text: `${HEAD}\n${[...types.values()].map((type) => typeDefText(type)).join("\n")}` };
}

/** @type {Record<string, string>} */
const files = { "imports.d.ts": imports() };
const hookyard = packages.find((one) => one.name === "hookyard:plugin");
const shared = hookyard?.interfaces.find((one) => one.name === "types")?.types ?? [];
files["types.ts"] = `${HEAD}\n${shared.map((type) => typeDefText(type)).join("\n")}`;

let providers = "";
let events = "/** What a handler gets, by event type. */\nexport interface Events {\n";
let samples = "/** The providers' own samples. */\nexport const samples: Events = {\n";
for (const name of new Set(handlers(packages).map((handler) => handler.in.name).filter((name) => name !== "hookyard:plugin"))) {
  const provider = /** @type {string} */ (name.split(":")[0]);
  const { owner, types, text } = typesOf(name);
  files[`${provider}.ts`] = text;
  providers += `import type * as ${provider} from "./${provider}.ts";\n`;
  for (const { interface: one, eventType: event } of handlers([owner])) {
    const payload = one.funcs.find((func) => func.name === "handle")?.params[1]?.type;
    if (!payload || !event) throw new Error(`${one.name} has no payload`);
    events += `  "${event}": ${provider}.${pascalCase(payload.name)};\n`;
    const sample = JSON.stringify(readSample(owner.path, event, payload, types), null, 2);
    samples += `  "${event}": ${sample.replaceAll("\n", "\n  ").replace(/"(\w+)":/g, "$1:")},\n`;
  }
}
files["events.ts"] = `${HEAD}\n${providers}\n${events}}\n`;
files["samples.ts"] = `${HEAD}\nimport type { Events } from "./events.ts";\n\n${samples}};\n`;

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
