// Tests of the build.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, test } from "node:test";

import { BuildError, bundle } from "../bundle.js";
import { buildComponent, plan } from "../component.js";

const root = mkdtempSync(join(tmpdir(), "hookyard-test-"));
after(() => rmSync(root, { recursive: true }));

/** Makes a plugin's folder. @param {Record<string, string>} files */
function plugin(files) {
  const folder = mkdtempSync(join(root, "plugin-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

/** @param {string} text of src/plugin.ts */
const sources = (text) => plugin({ "src/plugin.ts": text });

const HELLO = `
  import { log, on, store } from "@hookyard/plugin";
  export const appointmentCreated = on("appointment.created", (_ctx, one) => log.info(one.name));
`;

test("a plugin exports what its entry module exports, and imports what it uses", async () => {
  const { exports, imports } = await bundle(sources(HELLO));
  assert.deepEqual(exports, ["moncreneau:events/appointment-created@1.0.0"]);
  assert.deepEqual(imports, ["wasi:cli/exit", "wasi:logging/logging"]);
  const all = await bundle(
    plugin({
      "src/plugin.js": `
        import { config, http, on, outbox, store } from "@hookyard/plugin";
        export const eventHandler = on(["*"], (ctx, data) => {
          store.bucket("b").set(config.get("k"), String(Math.random()));
          outbox.emitEvent("x", http.fetch(data.url).text());
        });`,
    }),
  );
  assert.deepEqual(all.exports, ["hookyard:plugin/event-handler@0.1.0"]);
  assert.deepEqual(all.imports, [
    "hookyard:plugin/outbox", "wasi:cli/exit", "wasi:config/store", "wasi:http/outgoing-handler", "wasi:http/types",
    "wasi:keyvalue/atomics", "wasi:keyvalue/batch", "wasi:keyvalue/store", "wasi:logging/logging", "wasi:random/random",
  ]);
});

test("an entry module that is no plugin is refused in words", async () => {
  for (const [text, message] of [
    [HELLO.replace("const appointmentCreated", "const appointmentCreate"), /exports appointmentCreate, which is no handler; handlers are eventHandler, appointmentCreated,/],
    ["export {};", /exports no handler/],
    ["export const appointmentCreated = ;", /src\/plugin\.ts:1:35: Unexpected ";"/],
    [`import fs from "node:fs"; export const eventHandler = fs;`, /Could not resolve "node:fs"/],
  ]) {
    await assert.rejects(bundle(sources(/** @type {string} */ (text))), (error) => {
      assert.ok(error instanceof BuildError && /** @type {RegExp} */ (message).test(error.message), String(error));
      return true;
    });
  }
  await assert.rejects(bundle(plugin({})), /a plugin begins in src\/plugin\.ts or src\/plugin\.js/);
});

test("a component has the engine's imports and those of the plugin", async () => {
  const planned = await plan(sources(HELLO));
  const { exports, imports } = planned;
  const component = await buildComponent(planned);
  assert.deepEqual([...component.subarray(0, 8)], [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);
  assert.deepEqual(exports, ["moncreneau:events/appointment-created@1.0.0"]);
  assert.deepEqual(imports, ["wasi:cli/exit@0.2.12", "wasi:logging/logging@0.1.0-draft"]);
  for (const name of ["moncreneau:events/appointment-created@1.0.0", "wasi:logging/logging@0.1.0-draft"]) assert.ok(component.includes(name), name);
  assert.ok(!component.includes("wasi:keyvalue/store@"));
});

test("a component that fetches imports streams that a host has", async () => {
  const text = `
    import { http, on } from "@hookyard/plugin";
    export const eventHandler = on(["*"], (_ctx, data) => void http.fetch(data.url));
  `;
  const component = await buildComponent(await plan(sources(text)));
  assert.ok(component.includes("wasi:http/outgoing-handler@0.2.12") && component.includes("wasi:io/streams@0.2.10"));
  assert.ok(!component.includes("@0.9.12"));
});

test("code that asks the host while it is built is told why that cannot be", async () => {
  const text = `import { config, on } from "@hookyard/plugin";\nconst url = config.get("url");\nexport const eventHandler = on([url ?? "*"], () => {});`;
  await assert.rejects(plan(sources(text)).then(buildComponent), /top level calls wasi:config\/store@0\.2\.0-rc\.1#get: it runs when the plugin is built/);
  const wrong = `export const appointmentCreated = () => {};`;
  await assert.rejects(plan(sources(wrong)).then(buildComponent), /the export appointmentCreated has to be made by on\("appointment\.created", …\)/);
});

test("a plan has the key of what it makes: the same for the same sources, another for others", async () => {
  const [one, same, other] = await Promise.all([HELLO, HELLO, HELLO.replace("one.name", "one.id")].map((text) => plan(sources(text))));
  assert.equal(one?.key, same?.key);
  assert.notEqual(one?.key, other?.key);
});
