// Relays every event: its payload is posted to the operator's URL, below a path of its type.
import { Text, config, done, info, post, reject } from "./hookyard";

export { cabi_realloc } from "./hookyard";

export function subscriptions(): usize {
  const list = heap.alloc(16);
  Text.of("*").store(list + 8);
  store<usize>(list, list + 8);
  store<usize>(list, 1, 4);
  return list;
}

export function handle(
  id: usize, idLen: usize, type: usize, typeLen: usize, source: usize, sourceLen: usize,
  created: usize, createdLen: usize, receivedAt: u64, key: usize, keyLen: usize, attempt: u32,
  data: usize, dataLen: usize,
): usize {
  const url = config("url");
  if (url === null) return reject("config `url` is not set");
  const path = new Text(type, typeLen).toString().split(".").join("/");
  const error = post(`${url}/${path}`, "application/json", new Text(data, dataLen));
  if (error !== null) return reject(error);
  info(`${new Text(id, idLen)} goes to ${url}/${path}`);
  return done();
}

/** The host has read the outcome: memory of the call is free. */
export function release(outcome: usize): void {
  heap.reset();
}
