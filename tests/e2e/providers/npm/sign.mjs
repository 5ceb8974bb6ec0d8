// Prints requests that the providers' own npm libraries sign or verify: a JSON list, with the source of each.
//
// A library that only verifies gets what this script signs: the body must verify, and the tampered one must not.

import assert from "node:assert";
import { createHmac, generateKeyPairSync, sign as signWith } from "node:crypto";
import { EventEmitter } from "node:events";
import https from "node:https";
import { Readable } from "node:stream";

import { LinearWebhookClient } from "@linear/sdk/webhooks";
import { sign as signGitHub, verify as verifyGitHub } from "@octokit/webhooks-methods";
import "@shopify/shopify-api/adapters/node";
import { shopifyApi } from "@shopify/shopify-api";
import { verifyKey as verifyDiscord } from "discord-interactions";
import SnsValidator from "sns-validator";

const now = Date.now();
const requests = [];

// `verify` is the library's own check of a body; some throw instead of an answer.
async function add({ verify, ...request }) {
  request = { tampered: request.body + " ", query: "", settings: "", ...request };
  const accepts = async (body) => verify(body).catch(() => false);
  assert(await accepts(request.body), `${request.source}: the library refuses the request`);
  assert(!(await accepts(request.tampered)), `${request.source}: the library accepts the tampered request`);
  requests.push(request);
}

// The secrets of a source that is changing them.
const withOther = (secret) => ["other", secret];
const hmacSha256 = (secret, text, encoding) => createHmac("sha256", secret).update(text).digest(encoding);

// --- Source code and issues

{
  const secret = "It's a Secret to Everybody";
  const event = JSON.stringify({ action: "opened", pull_request: { title: "Ça marche" } });
  for (const [source, type, body] of [
    ["github-json", "application/json", event],
    ["github-form", "application/x-www-form-urlencoded", String(new URLSearchParams({ payload: event }))],
  ]) {
    const signature = await signGitHub(secret, body);
    const headers = {
      "Content-Type": type,
      "X-GitHub-Delivery": source,
      "X-GitHub-Event": "pull_request",
      "X-Hub-Signature-256": signature,
    };
    await add({
      source, scheme: "github", secrets: withOther(secret), headers, body, id: source, type: "pull_request.opened",
      verify: (body) => verifyGitHub(secret, body, signature),
    });
  }
}
{
  const secret = "lin_wh_secret";
  const body = JSON.stringify({ type: "Issue", action: "create", data: { title: "é" }, webhookTimestamp: now });
  const signature = hmacSha256(secret, body, "hex");
  await add({
    source: "linear", scheme: "linear", secrets: withOther(secret), body, id: "delivery-1", type: "Issue.create",
    headers: { "Linear-Signature": signature, "Linear-Delivery": "delivery-1" },
    verify: async (body) => new LinearWebhookClient(secret).verify(Buffer.from(body), signature),
  });
}

// --- Commerce

{
  const secret = "shopify-client-secret";
  const shopify = shopifyApi({
    apiKey: "key", apiSecretKey: secret, apiVersion: "2026-10", hostName: "hooks.example.gn", isEmbeddedApp: false,
    logger: { log: () => {} },
  });
  const body = JSON.stringify({ id: 7, title: "Thé" });
  const signature = hmacSha256(secret, body, "base64");
  // Webhooks, and Events, the successor of webhooks, with other headers.
  for (const [source, prefix, more, type] of [
    ["shopify-webhook", "X-Shopify", { Topic: "products/update" }, "products/update"],
    ["shopify-event", "Shopify", { Topic: "Product", Action: "update", Handle: "products" }, "Product.update"],
  ]) {
    const named = {
      "Hmac-Sha256": signature, "Webhook-Id": source, "Event-Id": "e1", "Shop-Domain": "shop.myshopify.com",
      "API-Version": "2026-10", "Triggered-At": new Date(now).toISOString(), ...more,
    };
    const headers = Object.fromEntries(Object.entries(named).map(([name, value]) => [`${prefix}-${name}`, value]));
    const rawRequest = { method: "POST", url: `/webhooks/${source}`, headers };
    await add({
      source, scheme: "shopify", secrets: withOther(secret), headers, body, id: source, type,
      verify: async (rawBody) => (await shopify.webhooks.validate({ rawBody, rawRequest, rawResponse: {} })).valid,
    });
  }
}

// --- Messages

{
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const key = Buffer.from(publicKey.export({ format: "jwk" }).x, "base64url").toString("hex");
  const timestamp = String(Math.floor(now / 1000));
  const body = JSON.stringify({ id: "77", type: 2, data: { name: "réserver" } });
  const signature = signWith(null, Buffer.from(timestamp + body), privateKey).toString("hex");
  await add({
    source: "discord", scheme: "discord", secrets: [key], body, id: "77", type: "interaction.2",
    headers: { "X-Signature-Ed25519": signature, "X-Signature-Timestamp": timestamp },
    verify: (body) => verifyDiscord(body, signature, timestamp, key),
  });
}

// --- Clouds

{
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = publicKey.export({ type: "spki", format: "pem" }).trim();
  // The library downloads the certificate that a message names: give it the test's key.
  https.get = (_url, respond) => {
    respond(Object.assign(Readable.from([pem]), { statusCode: 200 }));
    return new EventEmitter();
  };
  const topic = "arn:aws:sns:eu-west-1:123456789012:alarms";
  for (const [source, subject] of [["sns-plain", {}], ["sns-subject", { Subject: "Alarme: à voir" }]]) {
    const message = {
      Message: "disk\nfull", MessageId: source, ...subject, Timestamp: new Date(now).toISOString(), TopicArn: topic,
      Type: "Notification",
    };
    const signed = Object.entries(message).map(([name, value]) => `${name}\n${value}\n`).join("");
    const signature = signWith("sha256", Buffer.from(signed), privateKey).toString("base64");
    const body = JSON.stringify({
      ...message, Signature: signature, SignatureVersion: "2",
      SigningCertURL: "https://sns.eu-west-1.amazonaws.com/test.pem",
    });
    await add({
      source, scheme: "aws-sns", secrets: [pem], settings: `values = { topic_arn = "${topic}" }`, headers: {}, body,
      tampered: body.replace("disk", "disc"), id: source, type: "Notification",
      verify: (body) => new Promise((resolve) => new SnsValidator().validate(body, (error) => resolve(!error))),
    });
  }
}

console.log(JSON.stringify(requests));
