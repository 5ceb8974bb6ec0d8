// Tests of the replacements for missing engine features, as far as they run in Node.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { converter } from "../src/guest/numbers.ts";
import { parse, stringify } from "../src/json.ts";
import type { Shape, Types } from "../src/shape.ts";
import { mapStack } from "../src/stack.ts";

test("a stack names the author's own places, and none of the code around", () => {
  // Three segments: line 1 of src/plugin.ts from column 5, line 3 from its start, and the code around the plugin.
  const map = { sources: ["src/plugin.ts", "@hookyard/plugin/src/guest/exports.ts"], mappings: "AAAA,IAAI;AAEJ;ACFA" };
  const stack = [
    "TypeError: boom",
    "    at inner (componentize-qjs:user.js:1:7)",
    "    at <anonymous> (componentize-qjs:user.js:2:1)",
    "    at map (native)",
    "    at run (componentize-qjs:user.js:3:1)",
    "",
  ].join("\n");
  assert.equal(
    mapStack(stack, map),
    "TypeError: boom\n    at inner (src/plugin.ts:1:5)\n    at <anonymous> (src/plugin.ts:3:1)",
  );
  assert.equal(mapStack("Error\n    at f (componentize-qjs:user.js:9:9)", map), "Error\n    at f (componentize-qjs:user.js:9:9)");
  assert.equal(mapStack(stack), stack);
});

const TYPES: Types = {
  order: ["record", { id: "u64", "line-count": "u32", lines: ["list", ["named", "line"]], total: ["option", "s64"], delta: "s32" }],
  line: ["record", { article: "u64", amounts: ["map", "string", "u64"], pair: ["tuple", ["string", "u32"]] }],
  payment: ["variant", { cash: null, card: "u64" }],
  plain: ["record", { name: "string", price: "f64", stage: ["named", "stage"], items: ["list", "s32"] }],
  stage: ["enum", ["placed"]],
};

test("integers are as they were sent, wherever they are in a payload", () => {
  const u64 = (text: string) => ({ exactU64: text });
  const converted = (shape: Shape, value: unknown) => converter(shape, TYPES)!(value);
  const order = {
    id: u64("18446744073709551615"),
    lineCount: -1,
    lines: [{ article: u64("9007199254740993"), amounts: [["a", u64("30")]], pair: ["x", -2] }],
    total: { exactS64: "-9223372036854775808" },
    delta: -5,
  };
  assert.deepEqual(converted(["named", "order"], order), {
    id: 18446744073709551615n,
    lineCount: 2 ** 32 - 1,
    lines: [{ article: 9007199254740993n, amounts: [["a", 30n]], pair: ["x", 2 ** 32 - 2] }],
    total: -9223372036854775808n,
    delta: -5,
  });
  assert.deepEqual(converted(["named", "payment"], { tag: "card", val: u64("7") }), { tag: "card", val: 7n });
  assert.deepEqual(converted(["named", "payment"], { tag: "cash" }), { tag: "cash" });
  assert.deepEqual(converted(["option", ["option", "u32"]], { tag: "some", val: -1 }), { tag: "some", val: 2 ** 32 - 1 });
  assert.deepEqual(converted(["option", ["option", "u32"]], { tag: "none" }), { tag: "none" });
  assert.deepEqual(converted(["list", ["option", "u64"]], [u64("7"), null]), [7n, null]);
  assert.equal(converter(["named", "plain"], TYPES), undefined, "a payload without such integers is left alone");
});

test("JSON keeps the digits of integers", () => {
  const text = '{"a":9007199254740993,"b":[-18446744073709551615,1,0.5,1e22],"c":"9007199254740993 \\"bigint:"}';
  const value = parse(text);
  assert.deepEqual(value, {
    a: 9007199254740993n, b: [-18446744073709551615n, 1, 0.5, 1e22], c: '9007199254740993 "bigint:',
  });
  assert.deepEqual(parse(stringify(value)!), value);
  assert.equal(stringify({ a: 2n ** 64n, b: "bigint:1" }), '{"a":18446744073709551616,"b":"bigint:1"}');
  assert.equal(stringify(undefined), undefined);
  assert.equal(parse("12345678901234567.5"), 12345678901234567.5);
  assert.throws(() => parse("9007199254740993,"), SyntaxError);
});

test("UTF-8 is written and read as the Encoding Standard says", async (t) => {
  const { TextEncoder: Encoder, TextDecoder: Decoder } = globalThis;
  t.after(() => Object.assign(globalThis, { TextEncoder: Encoder, TextDecoder: Decoder }));
  await import("../src/guest/encoding.ts");
  assert.notEqual(TextEncoder, Encoder);
  for (const text of ["", "plain", "é€😀\0", "\ud800 half"]) {
    assert.deepEqual(new TextEncoder().encode(text), new Uint8Array(new Encoder().encode(text)));
  }
  const wrong = [[0xff], [0xc3], [0xe2, 0x82], [0xe2, 0x28], [0xf0, 0x9f, 0x98, 0x41], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf5, 0x80], [0x80, 0xc3, 0xa9]];
  for (const bytes of [...wrong, [0xef, 0xbb, 0xbf, 0x61], [0xf0, 0x9f, 0x98, 0x80]]) {
    const array = new Uint8Array(bytes);
    assert.equal(new TextDecoder().decode(array), new Decoder().decode(array), String(bytes));
  }
  for (const bytes of wrong) assert.throws(() => new TextDecoder("utf8", { fatal: true }).decode(new Uint8Array(bytes)), TypeError);
  assert.throws(() => new TextDecoder("latin1"), RangeError);
});

// Node 20 lacks this feature of the engine.
before(() => {
  const base64 = {
    from: (text: string) => new Uint8Array(Buffer.from(text, "base64")),
    to(this: Uint8Array) {
      return Buffer.from(this).toString("base64");
    },
  };
  Uint8Array.fromBase64 ??= base64.from;
  Uint8Array.prototype.toBase64 ??= base64.to;
  String.prototype.toWellFormed ??= function (this: string) {
    return Buffer.from(this).toString();
  };
});
