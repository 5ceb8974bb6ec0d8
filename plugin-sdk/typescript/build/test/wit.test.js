import assert from "node:assert/strict";
import { test } from "node:test";

import { parseWit } from "../parse-wit.js";
import { funcText, typeDefText } from "../typescript.js";

const TEXT = `
package a:b@1.0.0;
/// An interface.
interface one {
  use c:d/e@0.2.0.{f, g as h};
  use two.{i};
  /* a comment
     of two lines */
  record rec { /// A field.
    %from: option<string>, some-list: list<tuple<string, u64>>, bytes: list<u8> }
  variant var-iant { plain, with(option<rec>), }
  enum kind { a, b-c }
  type alias = list<option<u8>>;
  @since(version = 0.2.0)
  resource thing {
    constructor(name: string);
    @unstable(feature = x)
    read-all: func(len: u64) -> result<list<u8>, kind>;
    make: static func(%in: borrow<thing>) -> result;
  }
  resource bare;
  /// Does it.
  do-it: func(this: own<thing>, nested: result<_, string>) -> option<result<result<rec, kind>>>;
}
world w { import one; export x: func(); }
`;

test("reads what WIT has", () => {
  const { package: named, interfaces } = parseWit(TEXT, "a.wit");
  const [one, ...more] = interfaces;
  assert.deepEqual([named, more.length], [{ name: "a:b", version: "1.0.0" }, 0]);
  assert.deepEqual(one?.docs, ["An interface."]);
  assert.deepEqual(one?.uses, [
    { from: "c:d/e@0.2.0", names: [{ name: "f", as: "f" }, { name: "g", as: "h" }] },
    { from: "two", names: [{ name: "i", as: "i" }] },
  ]);
  assert.deepEqual(one?.types.map(({ kind, name }) => `${kind} ${name}`), [
    "record rec", "variant var-iant", "enum kind", "alias alias", "resource thing", "resource bare",
  ]);
  const thing = one?.types.find((type) => type.name === "thing");
  assert.deepEqual(thing?.funcs.map(({ kind, name }) => `${kind} ${name}`), ["constructor constructor", "method read-all", "static make"]);
});

test("writes it as TypeScript", () => {
  const [one] = parseWit(TEXT, "a.wit").interfaces;
  assert.equal(
    one?.types.map((type) => typeDefText(type)).join(""),
    `export interface Rec {
  /** A field. */
  from: string | null;
  someList: [string, number][];
  bytes: Uint8Array;
}
export type VarIant =
  | { tag: "plain" }
  | { tag: "with"; val: Rec | null };
export type Kind =
  | "a"
  | "b-c";
export type Alias = (number | null)[];
export class Thing {
  constructor(name: string);
  readAll(len: number): Uint8Array;
  static make(in_: Thing): void;
  [Symbol.dispose](): void;
}
export class Bare {
  private constructor();
  [Symbol.dispose](): void;
}
`,
  );
  assert.equal(
    one && one.funcs.map((func) => funcText(func, "")).join(""),
    `/** Does it. */
export function doIt(this_: Thing, nested: { tag: "ok" } | { tag: "err"; val: string }): { tag: "ok"; val: { tag: "ok"; val: Rec } | { tag: "err"; val: Kind } } | { tag: "err" } | null;
`,
  );
});

test("says where a text is wrong", () => {
  for (const [text, message] of [
    ["package a:b;\ninterface x {\n  record r { a u8 }\n}", /^a\.wit:3: } is missing, before u8/],
    ["interface x {", /^a\.wit:end: /],
    ["interface x {\n  wrong w;\n}", /^a\.wit:2: wrong is not known/],
    ["\n§", /^a\.wit:2: this is not WIT/],
  ]) {
    assert.throws(() => parseWit(/** @type {string} */ (text), "a.wit"), { name: "SyntaxError", message });
  }
});
