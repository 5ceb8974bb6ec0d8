import type * as real from "hookyard:plugin/outbox";

import { current, type Call } from "../call.ts";

export const sendHttp: typeof real.sendHttp = ({ method, url, headers, body }) => {
  const { call, idempotencyKey } = take(url);
  call.requests.push({ idempotencyKey, method, url, headers: Object.fromEntries(headers), body: body.slice() });
  return idempotencyKey;
};

export const sendEmail: typeof real.sendEmail = (email) => {
  const recipients = [...email.to, ...email.cc, ...email.bcc];
  const { call, idempotencyKey } = take(...recipients);
  call.emails.push({ idempotencyKey, ...email });
  return idempotencyKey;
};

export const emitEvent: typeof real.emitEvent = (type, data) => {
  const { call, idempotencyKey } = take(type);
  call.events.push({ idempotencyKey, type, data: JSON.parse(data) });
  return idempotencyKey;
};

/** Adds an effect to the call, unless the host refuses it. */
function take(...destinations: string[]): { call: Call; idempotencyKey: string } {
  const call = current();
  const refused = destinations.map(call.refuse).find((reason) => reason !== undefined);
  if (refused !== undefined) throw Object.assign(new Error(refused), { payload: refused });
  const number = call.requests.length + call.emails.length + call.events.length + 1;
  return { call, idempotencyKey: `${call.key}.${number}` };
}
