// Made from the WIT by `npm run generate`; changes belong there.

declare module "hookyard:event/metadata" {
  export function contentType(): string | null;
  export function attribute(name: string): string | null;
  export function attributes(): [string, string][];
}

declare module "hookyard:plugin/outbox" {
  export interface HttpRequest {
    method: string;
    url: string;
    headers: [string, string][];
    body: Uint8Array;
  }
  export interface Attachment {
    filename: string;
    contentType: string;
    content: Uint8Array;
  }
  export interface Email {
    to: string[];
    cc: string[];
    bcc: string[];
    replyTo: string | null;
    subject: string;
    text: string;
    html: string | null;
    attachments: Attachment[];
  }
  export function sendHttp(request: HttpRequest): string;
  export function sendEmail(email: Email): string;
  export function emitEvent(eventType: string, data: string): string;
}

declare module "wasi:cli/exit" {
  export function exit(status: { tag: "ok" } | { tag: "err" }): void;
}

declare module "wasi:clocks/monotonic-clock" {
  import type { Pollable } from "wasi:io/poll";
  export type Instant = number;
  export type Duration = number;
  export function now(): Instant;
  export function resolution(): Duration;
  export function subscribeInstant(when: Instant): Pollable;
  export function subscribeDuration(when: Duration): Pollable;
}

declare module "wasi:config/store" {
  export type Error =
    | { tag: "upstream"; val: string }
    | { tag: "io"; val: string };
  export function get(key: string): string | null;
  export function getAll(): [string, string][];
}

declare module "wasi:http/outgoing-handler" {
  import type { OutgoingRequest, RequestOptions, FutureIncomingResponse, ErrorCode } from "wasi:http/types";
  export function handle(request: OutgoingRequest, options: RequestOptions | null): FutureIncomingResponse;
}

declare module "wasi:http/types" {
  import type { Duration } from "wasi:clocks/monotonic-clock";
  import type { InputStream, OutputStream } from "wasi:io/streams";
  import type { Error as IoError } from "wasi:io/error";
  import type { Pollable } from "wasi:io/poll";
  export type Method =
    | { tag: "get" }
    | { tag: "head" }
    | { tag: "post" }
    | { tag: "put" }
    | { tag: "delete" }
    | { tag: "connect" }
    | { tag: "options" }
    | { tag: "trace" }
    | { tag: "patch" }
    | { tag: "other"; val: string };
  export type Scheme =
    | { tag: "HTTP" }
    | { tag: "HTTPS" }
    | { tag: "other"; val: string };
  export interface DNSErrorPayload {
    rcode: string | null;
    infoCode: number | null;
  }
  export interface TLSAlertReceivedPayload {
    alertId: number | null;
    alertMessage: string | null;
  }
  export interface FieldSizePayload {
    fieldName: string | null;
    fieldSize: number | null;
  }
  export type ErrorCode =
    | { tag: "DNS-timeout" }
    | { tag: "DNS-error"; val: DNSErrorPayload }
    | { tag: "destination-not-found" }
    | { tag: "destination-unavailable" }
    | { tag: "destination-IP-prohibited" }
    | { tag: "destination-IP-unroutable" }
    | { tag: "connection-refused" }
    | { tag: "connection-terminated" }
    | { tag: "connection-timeout" }
    | { tag: "connection-read-timeout" }
    | { tag: "connection-write-timeout" }
    | { tag: "connection-limit-reached" }
    | { tag: "TLS-protocol-error" }
    | { tag: "TLS-certificate-error" }
    | { tag: "TLS-alert-received"; val: TLSAlertReceivedPayload }
    | { tag: "HTTP-request-denied" }
    | { tag: "HTTP-request-length-required" }
    | { tag: "HTTP-request-body-size"; val: number | null }
    | { tag: "HTTP-request-method-invalid" }
    | { tag: "HTTP-request-URI-invalid" }
    | { tag: "HTTP-request-URI-too-long" }
    | { tag: "HTTP-request-header-section-size"; val: number | null }
    | { tag: "HTTP-request-header-size"; val: FieldSizePayload | null }
    | { tag: "HTTP-request-trailer-section-size"; val: number | null }
    | { tag: "HTTP-request-trailer-size"; val: FieldSizePayload }
    | { tag: "HTTP-response-incomplete" }
    | { tag: "HTTP-response-header-section-size"; val: number | null }
    | { tag: "HTTP-response-header-size"; val: FieldSizePayload }
    | { tag: "HTTP-response-body-size"; val: number | null }
    | { tag: "HTTP-response-trailer-section-size"; val: number | null }
    | { tag: "HTTP-response-trailer-size"; val: FieldSizePayload }
    | { tag: "HTTP-response-transfer-coding"; val: string | null }
    | { tag: "HTTP-response-content-coding"; val: string | null }
    | { tag: "HTTP-response-timeout" }
    | { tag: "HTTP-upgrade-failed" }
    | { tag: "HTTP-protocol-error" }
    | { tag: "loop-detected" }
    | { tag: "configuration-error" }
    | { tag: "internal-error"; val: string | null };
  export type HeaderError =
    | { tag: "invalid-syntax" }
    | { tag: "forbidden" }
    | { tag: "immutable" };
  export type FieldKey = string;
  export type FieldName = FieldKey;
  export type FieldValue = Uint8Array;
  export class Fields {
    constructor();
    static fromList(entries: [FieldName, FieldValue][]): Fields;
    get(name: FieldName): FieldValue[];
    has(name: FieldName): boolean;
    set(name: FieldName, value: FieldValue[]): void;
    delete(name: FieldName): void;
    append(name: FieldName, value: FieldValue): void;
    entries(): [FieldName, FieldValue][];
    clone(): Fields;
    [Symbol.dispose](): void;
  }
  export type Headers = Fields;
  export type Trailers = Fields;
  export class IncomingRequest {
    private constructor();
    method(): Method;
    pathWithQuery(): string | null;
    scheme(): Scheme | null;
    authority(): string | null;
    headers(): Headers;
    consume(): IncomingBody;
    [Symbol.dispose](): void;
  }
  export class OutgoingRequest {
    constructor(headers: Headers);
    body(): OutgoingBody;
    method(): Method;
    setMethod(method: Method): void;
    pathWithQuery(): string | null;
    setPathWithQuery(pathWithQuery: string | null): void;
    scheme(): Scheme | null;
    setScheme(scheme: Scheme | null): void;
    authority(): string | null;
    setAuthority(authority: string | null): void;
    headers(): Headers;
    [Symbol.dispose](): void;
  }
  export class RequestOptions {
    constructor();
    connectTimeout(): Duration | null;
    setConnectTimeout(duration: Duration | null): void;
    firstByteTimeout(): Duration | null;
    setFirstByteTimeout(duration: Duration | null): void;
    betweenBytesTimeout(): Duration | null;
    setBetweenBytesTimeout(duration: Duration | null): void;
    [Symbol.dispose](): void;
  }
  export class ResponseOutparam {
    private constructor();
    sendInformational(status: number, headers: Headers): void;
    static set(param: ResponseOutparam, response: { tag: "ok"; val: OutgoingResponse } | { tag: "err"; val: ErrorCode }): void;
    [Symbol.dispose](): void;
  }
  export type StatusCode = number;
  export class IncomingResponse {
    private constructor();
    status(): StatusCode;
    headers(): Headers;
    consume(): IncomingBody;
    [Symbol.dispose](): void;
  }
  export class IncomingBody {
    private constructor();
    stream(): InputStream;
    static finish(this_: IncomingBody): FutureTrailers;
    [Symbol.dispose](): void;
  }
  export class FutureTrailers {
    private constructor();
    subscribe(): Pollable;
    get(): { tag: "ok"; val: { tag: "ok"; val: Trailers | null } | { tag: "err"; val: ErrorCode } } | { tag: "err" } | null;
    [Symbol.dispose](): void;
  }
  export class OutgoingResponse {
    constructor(headers: Headers);
    statusCode(): StatusCode;
    setStatusCode(statusCode: StatusCode): void;
    headers(): Headers;
    body(): OutgoingBody;
    [Symbol.dispose](): void;
  }
  export class OutgoingBody {
    private constructor();
    write(): OutputStream;
    static finish(this_: OutgoingBody, trailers: Trailers | null): void;
    [Symbol.dispose](): void;
  }
  export class FutureIncomingResponse {
    private constructor();
    subscribe(): Pollable;
    get(): { tag: "ok"; val: { tag: "ok"; val: IncomingResponse } | { tag: "err"; val: ErrorCode } } | { tag: "err" } | null;
    [Symbol.dispose](): void;
  }
  export function httpErrorCode(err: IoError): ErrorCode | null;
}

declare module "wasi:io/error" {
  export class Error {
    private constructor();
    toDebugString(): string;
    [Symbol.dispose](): void;
  }
}

declare module "wasi:io/poll" {
  export class Pollable {
    private constructor();
    ready(): boolean;
    block(): void;
    [Symbol.dispose](): void;
  }
  export function poll(in_: Pollable[]): number[];
}

declare module "wasi:io/streams" {
  import type { Error } from "wasi:io/error";
  import type { Pollable } from "wasi:io/poll";
  export type StreamError =
    | { tag: "last-operation-failed"; val: Error }
    | { tag: "closed" };
  export class InputStream {
    private constructor();
    read(len: number): Uint8Array;
    blockingRead(len: number): Uint8Array;
    skip(len: number): number;
    blockingSkip(len: number): number;
    subscribe(): Pollable;
    [Symbol.dispose](): void;
  }
  export class OutputStream {
    private constructor();
    checkWrite(): number;
    write(contents: Uint8Array): void;
    blockingWriteAndFlush(contents: Uint8Array): void;
    flush(): void;
    blockingFlush(): void;
    subscribe(): Pollable;
    writeZeroes(len: number): void;
    blockingWriteZeroesAndFlush(len: number): void;
    splice(src: InputStream, len: number): number;
    blockingSplice(src: InputStream, len: number): number;
    [Symbol.dispose](): void;
  }
}

declare module "wasi:keyvalue/atomics" {
  import type { Bucket, Error } from "wasi:keyvalue/store";
  export type CasError =
    | { tag: "store-error"; val: Error }
    | { tag: "cas-failed"; val: Cas };
  export class Cas {
    private constructor();
    static new(bucket: Bucket, key: string): Cas;
    current(): Uint8Array | null;
    [Symbol.dispose](): void;
  }
  export function increment(bucket: Bucket, key: string, delta: number): number;
  export function swap(cas: Cas, value: Uint8Array): void;
}

declare module "wasi:keyvalue/batch" {
  import type { Bucket, Error } from "wasi:keyvalue/store";
  export function getMany(bucket: Bucket, keys: string[]): ([string, Uint8Array] | null)[];
  export function setMany(bucket: Bucket, keyValues: [string, Uint8Array][]): void;
  export function deleteMany(bucket: Bucket, keys: string[]): void;
}

declare module "wasi:keyvalue/store" {
  export type Error =
    | { tag: "no-such-store" }
    | { tag: "access-denied" }
    | { tag: "other"; val: string };
  export interface KeyResponse {
    keys: string[];
    cursor: string | null;
  }
  export class Bucket {
    private constructor();
    get(key: string): Uint8Array | null;
    set(key: string, value: Uint8Array): void;
    delete(key: string): void;
    exists(key: string): boolean;
    listKeys(cursor: string | null): KeyResponse;
    [Symbol.dispose](): void;
  }
  export function open(identifier: string): Bucket;
}

declare module "wasi:logging/logging" {
  export type Level =
    | "trace"
    | "debug"
    | "info"
    | "warn"
    | "error"
    | "critical";
  export function log(level: Level, context: string, message: string): void;
}

declare module "wasi:random/random" {
  export function getRandomBytes(len: number): Uint8Array;
  export function getRandomU64(): number;
}
