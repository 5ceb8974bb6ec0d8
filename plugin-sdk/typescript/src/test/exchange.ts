import type { Answer } from "../http.ts";
import type { Request } from "../wasi/exchange.ts";
import { current } from "./call.ts";

/** Replaces WASI's HTTP. */
export function exchange(request: Request): Answer {
  return current().answer(request);
}
