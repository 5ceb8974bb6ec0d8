// Defines TextEncoder and TextDecoder, which the engine lacks, for UTF-8 only. They use native functions: a loop in
// JavaScript over a megabyte of text would take much of a handler's time.

class Encoder {
  readonly encoding = "utf-8";

  encode(text = ""): Uint8Array {
    return Uint8Array.fromBase64(btoa(unescape(encodeURIComponent(String(text).toWellFormed()))));
  }
}

class Decoder {
  readonly encoding = "utf-8";
  readonly fatal: boolean;

  constructor(label = "utf-8", options: { fatal?: boolean } = {}) {
    if (!/^utf-?8$/i.test(label)) throw new RangeError(`TextDecoder: only utf-8 is there, not ${label}`);
    this.fatal = options.fatal ?? false;
  }

  decode(input: ArrayBuffer | ArrayBufferView = new Uint8Array()): string {
    const bytes = ArrayBuffer.isView(input)
      ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
      : new Uint8Array(input);
    const binary = atob(bytes.toBase64());
    const text = decodeOrUndefined(binary) ?? (this.fatal ? undefined : replaceInvalid(binary));
    if (text === undefined) throw new TypeError("TextDecoder: this is not UTF-8");
    return text.startsWith("\ufeff") ? text.slice(1) : text;
  }
}

/** `binary` has one character per byte. */
function decodeOrUndefined(binary: string): string | undefined {
  try {
    return decodeURIComponent(escape(binary));
  } catch {
    return undefined;
  }
}

/** A possible character: a first byte and the bytes that can follow it. */
const CHARACTER =
  /[\0-\x7f]+|[\xc2-\xdf][\x80-\xbf]|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{2}|(?:\xe0[\xa0-\xbf]?|[\xe1-\xec\xee\xef][\x80-\xbf]?|\xed[\x80-\x9f]?|\xf0(?:[\x90-\xbf][\x80-\xbf]?)?|[\xf1-\xf3](?:[\x80-\xbf][\x80-\xbf]?)?|\xf4(?:[\x80-\x8f][\x80-\xbf]?)?|[^])/g;

/** Replaces each invalid sequence with U+FFFD, as the Encoding Standard requires. */
function replaceInvalid(binary: string): string {
  return binary.replace(CHARACTER, (part) => decodeOrUndefined(part) ?? "\ufffd");
}

Object.assign(globalThis, { TextEncoder: Encoder, TextDecoder: Decoder });

export {};
