/// <reference path="./engine.d.ts" />
/// <reference path="./generated/imports.d.ts" />

export * as config from "./config.ts";
export { Reject, Retry } from "./failure.ts";
export type { Context } from "./generated/types.ts";
export * as http from "./http.ts";
export * as log from "./log.ts";
export * as metadata from "./metadata.ts";
export { on, type EventHandler, type Events, type Handler } from "./on.ts";
export * as outbox from "./outbox.ts";
export * as store from "./store.ts";
