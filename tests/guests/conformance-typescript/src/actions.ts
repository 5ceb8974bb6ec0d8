import { config, http, log, metadata, outbox, Reject, Retry, store, type Context } from "@hookyard/plugin";

export interface Order {
  do: string;
  text: string;
  url: string;
  to: string;
  reason: string;
  afterMs?: number;
}

const kept = store.bucket("conformance");

export const actions: Record<string, (order: Order, ctx: Context) => void> = {
  echo({ text }) {
    kept.set("echo", text);
    log.info(text);
  },

  context(_order, ctx) {
    kept.setJson("context", ctx);
  },

  config() {
    const entries = Object.entries(config.all()).sort(([a], [b]) => (a < b ? -1 : 1));
    kept.setJson("config", Object.fromEntries(entries));
  },

  metadata() {
    const found = { contentType: metadata.contentType() ?? null, subject: metadata.attribute("subject") ?? null };
    kept.setJson("metadata", { ...found, attributes: metadata.attributes() });
  },

  store() {
    kept.set("a", "1");
    expect("get", kept.getText("a"), "1");
    expect("exists", kept.exists("a"), true);
    kept.delete("a");
    expect("delete", [kept.exists("a"), kept.get("a")], [false, undefined]);
    const before = Number(kept.getText("counter") ?? 0);
    expect("increment", kept.increment("counter", 2), before + 2);
    kept.delete("cas");
    expect("swap", kept.compareAndSwap("cas", undefined, "swapped"), true);
    expect("a second swap", kept.compareAndSwap("cas", undefined, "again"), false);
    kept.setMany({ x: "1", y: "2", z: "3" });
    const many = kept.getMany(["x", "missing", "z"]);
    expect("getMany", [...many].map(([key, value]) => [key, new TextDecoder().decode(value)]), [["x", "1"], ["z", "3"]]);
    kept.deleteMany(["y"]);
    kept.setJson("keys", kept.keys());
  },

  outbox({ url, to, text }) {
    const effects = [
      outbox.sendHttp({ method: "POST", url, headers: { "X-Test": "yes" }, body: text }),
      outbox.sendEmail({
        to,
        subject: text,
        text,
        html: `<p>${text}</p>`,
        attachments: [{ filename: "attachment.txt", contentType: "text/plain; charset=utf-8", content: text }],
      }),
      outbox.emitEvent("conformance.emitted", { do: "echo", text }),
    ];
    kept.setJson("effects", effects);
  },

  refused() {
    try {
      outbox.sendHttp({ url: "http://169.254.169.254/" });
    } catch (error) {
      if (!(error instanceof outbox.EffectRefused)) throw error;
      kept.set("refused", error.message);
      return;
    }
    throw new Error("the host took an effect to a metadata address");
  },

  fetch({ url }) {
    const answer = http.fetch(url);
    kept.setJson("fetch", { status: answer.status, body: answer.text() });
  },

  clock() {
    kept.set("clock", String(Date.now()));
  },

  random() {
    // Uses the engine's generator, and then the host's.
    const bytes = Array.from({ length: 8 }, () => Math.floor(Math.random() * 256));
    bytes.push(...crypto.getRandomValues(new Uint8Array(8)));
    kept.set("random", bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(""));
  },

  retry({ reason, afterMs }) {
    beginWhatMustNotStay();
    throw new Retry(reason, { afterMs });
  },

  reject({ reason }) {
    beginWhatMustNotStay();
    throw new Reject(reason);
  },

  trap({ reason }) {
    beginWhatMustNotStay();
    throw new Error(reason);
  },

  loop() {
    beginWhatMustNotStay();
    for (;;);
  },

  memory() {
    beginWhatMustNotStay();
    const all = [];
    for (;;) all.push(new Uint8Array(2 ** 20).fill(1));
  },

  large({ text }) {
    kept.set("large", String(text.length));
  },

  print() {
    console.log("to stdout");
    console.error("to stderr");
  },
};

/** A write and an effect of a call that then fails. */
function beginWhatMustNotStay(): void {
  kept.set("never", "x");
  outbox.emitEvent("conformance.never", {});
}

function expect(what: string, found: unknown, wanted: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) {
    throw new Error(`${what}: ${JSON.stringify(found)} in place of ${JSON.stringify(wanted)}`);
  }
}
