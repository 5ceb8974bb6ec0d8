// The parts of hookyard's contract that this plugin uses, by hand from `hookyard wit export`.
//
// A string of WIT is an address and a length in bytes of UTF-8. A result longer than a register is written to an
// address that the caller gives; the offsets below are those of the canonical ABI.

@external("wasi:logging/logging@0.1.0-draft", "log")
declare function log(level: u32, context: usize, contextLen: usize, message: usize, messageLen: usize): void;

@external("wasi:config/store@0.2.0-rc.1", "get")
declare function get(key: usize, keyLen: usize, result: usize): void;

@external("hookyard:plugin/outbox@0.1.0", "send-http")
declare function send(
  method: usize, methodLen: usize, url: usize, urlLen: usize,
  headers: usize, headersLen: usize, body: usize, bodyLen: usize, result: usize,
): void;

/** The host gets memory here for the arguments of a call and for results. */
export function cabi_realloc(old: usize, oldLen: usize, align: usize, len: usize): usize {
  // The blocks of this runtime are aligned to 16 bytes.
  const block = heap.alloc(len);
  memory.copy(block, old, min(oldLen, len));
  return block;
}

/** Text in memory, as WIT has it. */
@final
export class Text {
  constructor(public ptr: usize, public len: usize) {}

  static of(text: string): Text {
    const bytes = String.UTF8.encode(text);
    return new Text(changetype<usize>(bytes), bytes.byteLength);
  }

  static at(address: usize): Text {
    return new Text(load<usize>(address), load<usize>(address, 4));
  }

  store(address: usize): void {
    store<usize>(address, this.ptr);
    store<usize>(address, this.len, 4);
  }

  toString(): string {
    return String.UTF8.decodeUnsafe(this.ptr, this.len);
  }
}

const RESULT = memory.data(40, 8);

export function info(message: string): void {
  const text = Text.of(message);
  log(2, 0, 0, text.ptr, text.len);
}

/** The operator's value of a key; null if it is not set. */
export function config(key: string): string | null {
  const text = Text.of(key);
  get(text.ptr, text.len, RESULT);
  const isError = load<bool>(RESULT), isSome = load<bool>(RESULT, 4);
  return isError || !isSome ? null : Text.at(RESULT + 8).toString();
}

/** Queues a request, which goes out if the handler returns ok. Returns the error, or null. */
export function post(url: string, contentType: string, body: Text): string | null {
  const method = Text.of("POST"), to = Text.of(url);
  const header = heap.alloc(16);
  Text.of("content-type").store(header);
  Text.of(contentType).store(header + 8);
  send(method.ptr, method.len, to.ptr, to.len, header, 1, body.ptr, body.len, RESULT);
  return load<bool>(RESULT) ? Text.at(RESULT + 4).toString() : null;
}

/** `ok` of a handler. */
export function done(): usize {
  memory.fill(RESULT, 0, 40);
  return RESULT;
}

/** `reject` of a handler: the delivery is a dead letter, for this reason. */
export function reject(reason: string): usize {
  store<bool>(RESULT, true);
  store<u8>(RESULT, 1, 8);
  Text.of(reason).store(RESULT + 16);
  return RESULT;
}

/** What AssemblyScript calls for `throw`, `assert` and an index out of range: the host quotes the critical line. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  const text = Text.of(`${message ? message : "abort"} at ${file ? file : "?"}:${line}:${column}`);
  log(5, 0, 0, text.ptr, text.len);
  unreachable();
}
