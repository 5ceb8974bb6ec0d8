// The engine has no TextEncoder and TextDecoder. These are UTF-8 only, and made of its native functions: a loop
// in JavaScript over a text of a megabyte would take a good part of a handler's time.

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

/** `binary` has a character for each byte. */
function decodeOrUndefined(binary: string): string | undefined {
  try {
    return decodeURIComponent(escape(binary));
  } catch {
    return undefined;
  }
}

/** What may be a character: a first byte, and those that can follow it. */
const CHARACTER =
  /[\0-\x7f]+|[\xc2-\xdf][\x80-\xbf]|(?:\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f])[\x80-\xbf]|(?:\xf0[\x90-\xbf]|[\xf1-\xf3][\x80-\xbf]|\xf4[\x80-\x8f])[\x80-\xbf]{2}|(?:\xe0[\xa0-\xbf]?|[\xe1-\xec\xee\xef][\x80-\xbf]?|\xed[\x80-\x9f]?|\xf0(?:[\x90-\xbf][\x80-\xbf]?)?|[\xf1-\xf3](?:[\x80-\xbf][\x80-\xbf]?)?|\xf4(?:[\x80-\x8f][\x80-\xbf]?)?|[^])/g;

/** Puts U+FFFD for each part that is no character, as the Encoding Standard says. */
function replaceInvalid(binary: string): string {
  return binary.replace(CHARACTER, (part) => decodeOrUndefined(part) ?? "\ufffd");
}

Object.assign(globalThis, { TextEncoder: Encoder, TextDecoder: Decoder });

export {};
