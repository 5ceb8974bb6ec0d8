// Converts canonical JSON, the one strict form of a typed value, to the values that handlers get.

import { camelCase, definition, type Shape, type Types } from "../shape.ts";

export function fromCanonical(json: any, shape: Shape, types: Types): unknown {
  if (typeof shape === "string") return scalar(json, shape);
  switch (shape[0]) {
    case "option":
      return option(json, shape[1], types);
    case "list":
      if (shape[1] === "u8") return Uint8Array.from(json);
      if (shape[1] === "s8") return Int8Array.from(json);
      return json.map((item: unknown) => fromCanonical(item, shape[1], types));
    case "map":
      return json.map(([key, value]: [unknown, unknown]) => [fromCanonical(key, shape[1], types), fromCanonical(value, shape[2], types)]);
    case "tuple":
      return shape[1].map((item, at) => fromCanonical(json[at], item, types));
    case "named":
      return named(json, shape[1], types);
  }
}

function scalar(json: any, kind: string): unknown {
  if (kind === "u64" || kind === "s64") return BigInt(json);
  if (kind === "f32" || kind === "f64") return Number(json);
  return json;
}

function option(json: any, item: Shape, types: Types): unknown {
  const isNested = Array.isArray(item) && item[0] === "option";
  if (json === null) return isNested ? { tag: "none" } : null;
  return isNested ? { tag: "some", val: fromCanonical(json.some, item, types) } : fromCanonical(json, item, types);
}

function named(json: any, name: string, types: Types): unknown {
  const [kind, parts] = definition(types, name);
  switch (kind) {
    case "record":
      return Object.fromEntries(Object.entries(parts).map(([name, shape]) => [camelCase(name), fromCanonical(json[name], shape, types)]));
    case "variant":
      return tagged(json, parts, types);
    case "enum":
      return json;
    case "flags":
      return Object.fromEntries(parts.map((flag) => [camelCase(flag), json.includes(flag)]));
  }
}

function tagged(json: Record<string, unknown>, cases: Readonly<Record<string, Shape | null>>, types: Types): unknown {
  const [[tag, val] = ["", null]] = Object.entries(json);
  const shape = cases[tag];
  return shape ? { tag, val: fromCanonical(val, shape, types) } : { tag };
}
