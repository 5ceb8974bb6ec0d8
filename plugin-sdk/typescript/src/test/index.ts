/// <reference types="node" />
/// <reference path="../generated/imports.d.ts" />
/// <reference path="./packages.d.ts" />

export { Trapped } from "./component.ts";
export type { Attachment, EffectRequest, Email, EmittedEvent } from "./effects.ts";
export { FakeHost, json, text, type Answered, type Delivered } from "./fake-host.ts";
export { context, sample } from "./samples.ts";
