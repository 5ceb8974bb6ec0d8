// Writes the values that handlers get as a sender would: the opposite of canonical.ts and of the host.

import { camelCase, definition, type Shape, type Types } from "../shape.ts";

/** JSON of a payload. */
export function sentJson(value: any, shape: Shape, types: Types): string {
  if (typeof shape === "string") return scalar(value);
  switch (shape[0]) {
    case "option":
      return option(value, shape[1], types);
    case "list":
      return array(Array.from(value, (item) => sentJson(item, shape[1], types)));
    case "map":
      // An object of JavaScript would move keys that are numbers to its front.
      return object(value.map(([key, item]: [unknown, unknown]) => [String(key), sentJson(item, shape[2], types)]));
    case "tuple":
      return array(shape[1].map((item, at) => sentJson(value[at], item, types)));
    case "named":
      return named(value, shape[1], types);
  }
}

function scalar(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number" && !Number.isFinite(value)) throw new TypeError(`a sender cannot write ${value}`);
  return JSON.stringify(value) ?? "null";
}

function array(items: string[]): string {
  return `[${items.join(",")}]`;
}

function object(members: [string, string][]): string {
  return `{${members.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join(",")}}`;
}

function option(value: any, item: Shape, types: Types): string {
  if (value === null || value === undefined) return "null";
  const isNested = Array.isArray(item) && item[0] === "option";
  if (!isNested) return sentJson(value, item, types);
  return value.tag === "none" ? "null" : sentJson(value.val, item, types);
}

function named(value: any, name: string, types: Types): string {
  const [kind, parts] = definition(types, name);
  switch (kind) {
    case "record":
      return object(Object.entries(parts).map(([name, shape]) => [name, sentJson(value[camelCase(name)], shape, types)]));
    case "variant": {
      const shape = parts[value.tag];
      return shape ? object([[value.tag, sentJson(value.val, shape, types)]]) : scalar(value.tag);
    }
    case "enum":
      return scalar(value);
    case "flags":
      return array(parts.filter((flag) => value[camelCase(flag)]).map(scalar));
  }
}
