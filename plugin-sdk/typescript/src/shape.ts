// The types of payloads as data, which generated files contain. The guest and the test host convert values by them.

/** `"u64"`, `["option", "string"]`, `["named", "order"]`. */
export type Shape =
  | string
  | readonly ["list" | "option", Shape]
  | readonly ["map", Shape, Shape]
  | readonly ["tuple", readonly Shape[]]
  | readonly ["named", string];

/** A named type, with the WIT's names. */
export type Definition =
  | readonly ["record", Readonly<Record<string, Shape>>]
  | readonly ["variant", Readonly<Record<string, Shape | null>>]
  | readonly ["enum" | "flags", readonly string[]];

export type Types = Readonly<Record<string, Definition>>;

/** A package's typed handlers: src/MODULE.json. */
export interface Package {
  package: string;
  namespace: string;
  types: Types;
  handlers: readonly { event: string; interface: string; payload: Shape; sample: unknown }[];
}

/** `dateTime` for `date-time`, `orderId` for `order-ID`. */
export function camelCase(name: string): string {
  return name.toLowerCase().replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** The named type. */
export function definition(types: Types, name: string): Definition {
  const found = types[name];
  if (!found) throw new TypeError(`the generated types have no ${name}`);
  return found;
}
