// The code that a build adds to a verifier. Authors never import it. It asks the host for nothing.

import "./encoding.ts";
import "./locale.ts";

import { Refusal, type Request, type Verified, type Verify } from "../verifier.ts";

/** The export of the interface `verify`. */
export function exported(verify: unknown): object {
  if (typeof verify !== "function") throw new TypeError("the export verify has to be a function");
  return { verify: (request: Request, secrets: string[], nowMs: number | bigint) => run(verify as Verify, request, secrets, Number(nowMs)) };
}

/** Calls the verifier. Throws a refusal in the form of the bindings. Any other exception traps. */
function run(verify: Verify, request: Request, secrets: string[], nowMs: number): object {
  try {
    const { secret, id, eventType, created, payload } = verify(request, secrets, nowMs) satisfies Verified;
    const text = (value: string | undefined) => value?.toWellFormed() ?? null;
    return { secret, id: text(id), eventType: text(eventType), created: text(created), payload: text(payload) };
  } catch (error) {
    if (error instanceof Refusal) throw error.message.toWellFormed();
    throw error;
  }
}
