import assert from "node:assert/strict";
import { test } from "node:test";

import { metadata } from "@hookyard/plugin";
import { FakeHost } from "@hookyard/plugin/test";

const read = () => [metadata.contentType(), metadata.attribute("subject"), metadata.attribute("toString"), metadata.attributes()];

test("a handler gets the content type and the attributes of its event, sorted by name", () => {
  const host = new FakeHost();
  assert.deepEqual(host.call(read), [undefined, undefined, undefined, {}]);
  host.contentType = "text/xml";
  host.attributes = { subject: "orders/7", comexampleext: "1" };
  assert.deepEqual(host.call(read), ["text/xml", "orders/7", undefined, { comexampleext: "1", subject: "orders/7" }]);
  assert.deepEqual(Object.keys(host.call(metadata.attributes)), ["comexampleext", "subject"]);
  host.call(() => assert.throws(() => metadata.attribute(7 as never), /the name of an attribute has to be a string, not number/));
});
