import { bytes, text, utf8 } from "./convert.ts";
import { Retry } from "./failure.ts";
import { exchange } from "./wasi/exchange.ts";

export interface Options {
  /** `GET`, if it is not said. */
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | Uint8Array;
  /** For the connection, and for each part of the answer. The handler's own deadline holds in any case. */
  timeoutMs?: number;
}

/** An answer. */
export class Answer {
  readonly status: number;
  /** By name in lower case; several of one name are joined by `, `. */
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

  json<T = any>(): T {
    return JSON.parse(this.text());
  }
}

/** There is no answer. A handler that lets it pass asks for another try. */
export class FetchError extends Retry {
  override name = "FetchError";
}

/** Scheme, host and port, path and query; a name and password in it are not for HTTP, a fragment is not sent. */
const ADDRESS = /^(https?):\/\/([^/?#@\s]+)([/?][^#\s]*)?(?:#.*)?$/i;

/**
 * Asks another server and waits for its answer, now. This is outside the transaction: it happens again with
 * every attempt, and also where the handler fails afterwards. What is only to be sent belongs into the outbox.
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
