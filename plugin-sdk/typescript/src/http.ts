import { bytes, text, utf8 } from "./convert.ts";
import { Retry } from "./failure.ts";
import { parse } from "./json.ts";
import { exchange } from "./wasi/exchange.ts";

export interface Options {
  /** The default is `GET`. */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
  /** The limit for the connection and for each part of the response. The handler's own deadline also applies. */
  timeoutMs?: number;
}

/** An HTTP response. */
export class Answer {
  readonly status: number;
  /** The headers by name in lower case. The values of a repeated header are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;

  constructor(status: number, headers: Readonly<Record<string, string>>, body: Uint8Array) {
    this.status = status;
    this.headers = headers;
    this.body = body;
  }

  /** Whether the status is one of 200 to 299. */
  get ok(): boolean {
    return this.status >= 200 && this.status < 300;
  }

  text(): string {
    return utf8(this.body);
  }

  /** The body decoded from JSON. An integer that a number would round is a `bigint`. */
  json<T = any>(): T {
    return parse(this.text());
  }
}

/** There is no response. If the handler does not catch this, it requests another attempt. */
export class FetchError extends Retry {
  override name = "FetchError";
}

/** Scheme, host and port, path and query. It rejects a user name or password, and ignores a fragment. */
const ADDRESS = /^(https?):\/\/([^/?#@\s]+)([/?][^#\s]*)?(?:#.*)?$/i;

/**
 * Sends a request and waits for the response. The request is outside the transaction: it is sent even if the
 * handler fails afterwards, and again with every attempt. Send requests without a needed response by the outbox.
 */
export function fetch(url: string, options: Options = {}): Answer {
  const { method = "GET", headers = {}, body, timeoutMs } = options;
  const [, scheme = "", authority = "", rest = ""] = ADDRESS.exec(text(url, "url")) ?? [];
  if (!scheme) throw new TypeError(`${url} is no http or https address`);
  return exchange({
    method: text(method, "method").toUpperCase(),
    url,
    scheme: scheme.toLowerCase() === "https" ? "HTTPS" : "HTTP",
    authority,
    path: rest.startsWith("/") ? rest : `/${rest}`,
    headers: Object.entries(headers).map(([name, value]) => [name, bytes(value, `header ${name}`)]),
    body: body === undefined ? undefined : bytes(body, "body"),
    timeoutMs,
  });
}
