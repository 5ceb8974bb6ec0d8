// Corrects the integers of a payload. The engine's bindings decode a `u32` as a signed number and round 64-bit integers.
// The build therefore gives the 64-bit fields of the component the type `record { exact-u64: string }`: the host passes
// their digits, which become a `bigint` here.

import { camelCase, definition, type Shape, type Types } from "../shape.ts";

/** Converts a value. */
export type Convert = (value: any) => unknown;

/** The conversion of a type, or `undefined` if it needs none. It changes records and lists in place. */
export function converter(shape: Shape, types: Types): Convert | undefined {
  if (shape === "u32") return (value) => value >>> 0;
  if (shape === "u64") return (value) => BigInt(value.exactU64);
  if (shape === "s64") return (value) => BigInt(value.exactS64);
  if (typeof shape === "string") return undefined;
  switch (shape[0]) {
    case "option":
      return option(shape[1], types);
    case "list":
      return list(converter(shape[1], types));
    case "map":
      return list(members([[1, converter(shape[2], types)]]));
    case "tuple":
      return members(shape[1].map((item, at) => [at, converter(item, types)]));
    case "named": {
      const [kind, parts] = definition(types, shape[1]);
      if (kind === "variant") return variant(parts, types);
      if (kind !== "record") return undefined;
      return members(Object.entries(parts).map(([name, part]) => [camelCase(name), converter(part, types)]));
    }
  }
}

/** An option of an option is a case `some` or `none`. */
function option(item: Shape, types: Types): Convert | undefined {
  const convert = converter(item, types);
  if (!convert) return undefined;
  if (Array.isArray(item) && item[0] === "option") {
    return (value) => {
      if (value.tag === "some") value.val = convert(value.val);
      return value;
    };
  }
  return (value) => (value === null ? null : convert(value));
}

function list(convert: Convert | undefined): Convert | undefined {
  return convert && ((values: unknown[]) => values.map(convert));
}

/** The fields of a record or the items of a tuple. */
function members(all: [key: string | number, convert: Convert | undefined][]): Convert | undefined {
  const converted = all.filter((one): one is [string | number, Convert] => one[1] !== undefined);
  if (converted.length === 0) return undefined;
  return (value) => {
    for (const [key, convert] of converted) value[key] = convert(value[key]);
    return value;
  };
}

function variant(cases: Readonly<Record<string, Shape | null>>, types: Types): Convert | undefined {
  const converted = new Map<string, Convert>();
  for (const [name, shape] of Object.entries(cases)) {
    const convert = shape && converter(shape, types);
    if (convert) converted.set(name, convert);
  }
  if (converted.size === 0) return undefined;
  return (value) => {
    const convert = converted.get(value.tag);
    if (convert) value.val = convert(value.val);
    return value;
  };
}
