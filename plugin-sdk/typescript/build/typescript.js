// Translates WIT types to TypeScript, as the JavaScript engine's bindings represent them: `option<T>` is `T | null`,
// a variant is `{ tag, val }`, and a function with a result returns its value or throws its error.

import { camelCase, pascalCase } from "./packages.js";

/** @typedef {import("./parse-wit.js").Type} Type */
/** @typedef {import("./parse-wit.js").TypeDef} TypeDef */
/** @typedef {import("./parse-wit.js").Func} Func */
/** @typedef {import("./parse-wit.js").Member} Member */

/** @type {Record<string, string>} */
const PRIMITIVES = { bool: "boolean", string: "string", char: "string" };
for (const number of ["u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "f32", "f64"]) PRIMITIVES[number] = "number";

/** @param {Type} type @returns {string} */
export function typeText({ name, args }) {
  const [first, second] = args;
  switch (name) {
    case "list":
      return first?.name === "u8" ? "Uint8Array" : `${wrapped(typeText(must(first)))}[]`;
    case "option":
      return `${typeText(must(first))} | null`;
    case "tuple":
      return `[${args.map((type) => typeText(must(type))).join(", ")}]`;
    case "result":
      return `${caseText("ok", first)} | ${caseText("err", second)}`;
    case "borrow":
    case "own":
      return typeText(must(first));
    default:
      if (args.length > 0) throw new Error(`${name}<…> is not known`);
      return PRIMITIVES[name] ?? pascalCase(name);
  }
}

/** @param {string} text */
function wrapped(text) {
  return text.includes(" | ") ? `(${text})` : text;
}

/** @param {Type | undefined} type @returns {Type} */
function must(type) {
  if (!type) throw new Error("a type is missing");
  return type;
}

/** @param {string} tag @param {Type | undefined} type */
function caseText(tag, type) {
  return type ? `{ tag: "${tag}"; val: ${typeText(type)} }` : `{ tag: "${tag}" }`;
}

/** @param {TypeDef} type @param {string} indent @returns {string} */
export function typeDefText({ name, docs, kind, members, funcs, type }, indent = "") {
  const inner = `${indent}  `;
  const head = docText(docs, indent);
  const pascal = pascalCase(name);
  /** @param {(member: Member) => string} text */
  const lines = (text) => members.map((member) => docText(member.docs, inner) + inner + text(member)).join("\n");
  switch (kind) {
    case "record":
      return `${head}${indent}export interface ${pascal} {\n${lines((field) => `${camelCase(field.name)}: ${typeText(must(field.type))};`)}\n${indent}}\n`;
    case "variant":
      return `${head}${indent}export type ${pascal} =\n${lines((one) => `| ${caseText(one.name, one.type)}`)};\n`;
    case "enum":
      return `${head}${indent}export type ${pascal} =\n${lines((one) => `| "${one.name}"`)};\n`;
    case "alias":
      return `${head}${indent}export type ${pascal} = ${typeText(must(type))};\n`;
    case "resource":
      return `${head}${indent}export class ${pascal} {\n${resourceText(funcs, inner)}${indent}}\n`;
    default:
      throw new Error(`${name}: ${kind} is not used by any interface yet`);
  }
}

/** @param {Func[]} funcs @param {string} indent */
function resourceText(funcs, indent) {
  const members = funcs.map((func) => {
    if (func.kind === "constructor") return `constructor(${paramsText(func.params)});`;
    return `${func.kind === "static" ? "static " : ""}${camelCase(func.name)}${signatureText(func)};`;
  });
  if (!funcs.some((func) => func.kind === "constructor")) members.unshift("private constructor();");
  return [...members, "[Symbol.dispose](): void;"].map((member) => `${indent}${member}\n`).join("");
}

/** @param {Func} func @param {string} indent */
export function funcText(func, indent) {
  return `${docText(func.docs, indent)}${indent}export function ${camelCase(func.name)}${signatureText(func)};\n`;
}

/** The return type: a function with a result returns its value and throws its error. @param {Func} func */
function signatureText({ params, result }) {
  const returned = result?.name === "result" ? result.args[0] : result;
  return `(${paramsText(params)}): ${returned ? typeText(returned) : "void"}`;
}

/** Reserved words of TypeScript. */
const RESERVED = new Set(["in", "this", "function"]);

/** @param {Member[]} params */
function paramsText(params) {
  const name = (/** @type {string} */ text) => (RESERVED.has(text) ? `${text}_` : camelCase(text));
  return params.map((param) => `${name(param.name)}: ${typeText(must(param.type))}`).join(", ");
}

/** @param {string[]} wit @param {string} indent */
function docText(wit, indent) {
  const docs = wit.map((line) => line.replaceAll("`none`", "`null`"));
  if (docs.length === 0) return "";
  if (docs.length === 1) return `${indent}/** ${docs[0]} */\n`;
  return `${indent}/**\n${docs.map((line) => `${indent} * ${line}`.trimEnd()).join("\n")}\n${indent} */\n`;
}
