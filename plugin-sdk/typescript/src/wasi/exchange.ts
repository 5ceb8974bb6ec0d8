import { handle } from "wasi:http/outgoing-handler";
import {
  Fields,
  type FutureIncomingResponse,
  type IncomingBody,
  type IncomingResponse,
  type Method,
  OutgoingBody,
  OutgoingRequest,
  RequestOptions,
} from "wasi:http/types";
import type { InputStream, OutputStream } from "wasi:io/streams";

import { refusal, utf8 } from "../convert.ts";
import { Answer, FetchError } from "../http.ts";

/** The parts of a request for WASI. */
export interface Request {
  method: string;
  url: string;
  scheme: "HTTP" | "HTTPS";
  authority: string;
  path: string;
  headers: [string, Uint8Array][];
  body: Uint8Array | undefined;
  timeoutMs: number | undefined;
}

const METHODS = ["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"];
const READ_MAX_BYTES = 64 * 1024;

/** Sends the request and waits for the response. Drops handles in the order that the host requires: children first. */
export function exchange(request: Request): Answer {
  try {
    using future = send(request);
    using response = wait(future);
    return new Answer(response.status(), headersOf(response), bodyOf(response));
  } catch (error) {
    const reason = refusal(error);
    if (reason === undefined) throw error;
    throw new FetchError(`${request.method} ${request.url}: ${describe(reason)}`);
  }
}

function send({ method, scheme, authority, path, headers, body, timeoutMs }: Request): FutureIncomingResponse {
  const outgoing = new OutgoingRequest(Fields.fromList(headers));
  const known = METHODS.includes(method.toLowerCase());
  outgoing.setMethod(known ? ({ tag: method.toLowerCase() } as Method) : { tag: "other", val: method });
  outgoing.setScheme({ tag: scheme });
  outgoing.setAuthority(authority);
  outgoing.setPathWithQuery(path);
  const sink = outgoing.body();
  const future = handle(outgoing, timeoutMs === undefined ? null : limits(timeoutMs));
  if (body) {
    using stream = sink.write();
    write(stream, body);
  }
  OutgoingBody.finish(sink, null);
  return future;
}

function limits(timeoutMs: number): RequestOptions {
  const options = new RequestOptions();
  const nanoseconds = Math.ceil(timeoutMs) * 1e6;
  options.setConnectTimeout(nanoseconds);
  options.setFirstByteTimeout(nanoseconds);
  options.setBetweenBytesTimeout(nanoseconds);
  return options;
}

function write(stream: OutputStream, body: Uint8Array): void {
  using ready = stream.subscribe();
  for (let at = 0; at < body.length; ) {
    const room = stream.checkWrite();
    if (room === 0) {
      ready.block();
      continue;
    }
    stream.write(body.slice(at, at + room));
    at += room;
  }
  stream.blockingFlush();
}

function wait(future: FutureIncomingResponse): IncomingResponse {
  using ready = future.subscribe();
  ready.block();
  // The outer result: whether the response was already taken. The inner result: the response or an error.
  const taken = future.get();
  if (taken?.tag !== "ok") throw new Error("the host has no answer, though it was ready");
  if (taken.val.tag === "err") throw Object.assign(new Error(), { payload: taken.val.val });
  return taken.val.val;
}

function headersOf(response: IncomingResponse): Record<string, string> {
  using fields = response.headers();
  const headers: Record<string, string> = {};
  for (const [field, value] of fields.entries()) {
    const name = field.toLowerCase();
    headers[name] = name in headers ? `${headers[name]}, ${utf8(value)}` : utf8(value);
  }
  return headers;
}

function bodyOf(response: IncomingResponse): Uint8Array {
  using body: IncomingBody = response.consume();
  using stream = body.stream();
  const chunks: Uint8Array[] = [];
  for (let chunk = read(stream); chunk; chunk = read(stream)) chunks.push(chunk);
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function read(stream: InputStream): Uint8Array | undefined {
  try {
    return stream.blockingRead(READ_MAX_BYTES);
  } catch (error) {
    const reason = refusal(error) as { tag: string; val?: { toDebugString(): string } } | undefined;
    if (reason?.tag === "closed") return undefined;
    if (reason?.tag !== "last-operation-failed") throw error;
    throw Object.assign(new Error(), { payload: reason.val?.toDebugString() });
  }
}

function describe(reason: unknown): string {
  if (typeof reason === "string") return reason;
  const { tag, val } = reason as { tag: string; val?: unknown };
  const name = tag.replaceAll("-", " ");
  if (val === undefined || val === null) return name;
  return `${name}: ${typeof val === "string" ? val : JSON.stringify(val)}`;
}
