// What stands in for what the engine lacks, as far as it runs in Node.

import assert from "node:assert/strict";
import { before, test } from "node:test";

import { unsigned } from "../src/guest/numbers.ts";
import { mapStack } from "../src/stack.ts";

test("a stack names the author's own places, and none of the code around", () => {
  // One segment each: line 1 of src/plugin.ts from column 5, then line 3 from its beginning, then the code around it.
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

test("numbers that the engine takes for signed are as they were sent, wherever they are in a payload", () => {
  const payload = { id: 2 ** 53 - 1, credits: -1, absent: null, office: { id: -(2 ** 31) }, changes: [["n", -2]] };
  unsigned(payload);
  assert.deepEqual(payload, {
    id: 2 ** 53 - 1, credits: 2 ** 32 - 1, absent: null, office: { id: 2 ** 31 }, changes: [["n", 2 ** 32 - 2]],
  });
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

// Node 20 lacks what the engine has.
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
