import type * as real from "wasi:config/store";

import { current } from "../call.ts";

export const get: typeof real.get = (key) => current().config[key] ?? null;

export const getAll: typeof real.getAll = () => Object.entries(current().config);
