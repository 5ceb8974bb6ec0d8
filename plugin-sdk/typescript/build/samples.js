// The providers' sample events as handlers get them.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { camelCase } from "./packages.js";

/** @typedef {import("./parse-wit.js").Type} Type */
/** @typedef {import("./parse-wit.js").TypeDef} TypeDef */
/** @typedef {Map<string, TypeDef>} Types  the types of a package, by name */

/**
 * The sample of an event type, if its package has one.
 * @param {string} folder of the package @param {string} event @param {Type} payload @param {Types} types
 */
export function readSample(folder, event, payload, types) {
  const file = join(folder, "samples", `${event}.json`);
  if (!existsSync(file)) throw new Error(`${event} has no sample: ${file}`);
  return decode(JSON.parse(readFileSync(file, "utf8")).data.object, payload, types);
}

/** @param {any} json @param {Type} type @param {Types} types @returns {unknown} */
function decode(json, type, types) {
  const [item] = type.args;
  if (type.name === "option" && item) return json === undefined || json === null ? null : decode(json, item, types);
  if (type.name === "list" && item?.name === "tuple" && !Array.isArray(json)) {
    const value = item.args[1];
    return Object.entries(json).map(([key, one]) => [key, value ? decode(one, value, types) : one]);
  }
  if (type.name === "list" && item) return json.map((/** @type {unknown} */ one) => decode(one, item, types));
  const named = types.get(type.name);
  switch (named?.kind) {
    case undefined:
      return json;
    case "record":
      return Object.fromEntries(
        named.members.map(({ name, type }) => [camelCase(name), type && decode(json[camelCase(name)], type, types)]),
      );
    case "variant": {
      const tag = json.toLowerCase().replaceAll("_", "-");
      return named.members.some((one) => one.name === tag) ? { tag } : { tag: "other", val: json };
    }
    default:
      throw new Error(`a sample with ${named?.kind} ${type.name} cannot be read yet`);
  }
}
