import type * as real from "wasi:logging/logging";

import { current } from "../call.ts";

export const log: typeof real.log = (level, context, message) => {
  current().logs.push(`${level.toUpperCase()} ${context ? `${context}: ` : ""}${message}`);
};
