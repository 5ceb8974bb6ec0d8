import type * as real from "hookyard:event/metadata";

import { current } from "../call.ts";

export const contentType: typeof real.contentType = () => current().contentType ?? null;

export const attribute: typeof real.attribute = (name) => {
  const { attributes } = current();
  return Object.hasOwn(attributes, name) ? (attributes[name] ?? null) : null;
};

export const attributes: typeof real.attributes = () => Object.entries(current().attributes).sort(([a], [b]) => (a < b ? -1 : 1));
