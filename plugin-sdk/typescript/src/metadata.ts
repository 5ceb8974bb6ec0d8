import { attribute as read, attributes as readAll, contentType as readContentType } from "hookyard:event/metadata";

import { text } from "./convert.ts";

// What the event says beside its payload. Most signatures cover the body alone, and so do not prove what came in headers.

/**
 * The media type of the content that the payload was made of, as the sender wrote it, if that was no JSON:
 * `application/xml; charset=utf-8`.
 */
export function contentType(): string | undefined {
  return readContentType() ?? undefined;
}

/** The value of a context attribute of a CloudEvent, such as `subject`, or an extension. */
export function attribute(name: string): string | undefined {
  return read(text(name, "the name of an attribute")) ?? undefined;
}

/** All context attributes of a CloudEvent, sorted by name. Other events have none. */
export function attributes(): Record<string, string> {
  return Object.fromEntries(readAll());
}
