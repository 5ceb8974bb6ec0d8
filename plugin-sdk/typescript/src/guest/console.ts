// Defines `console`, which the engine lacks. It writes to the log, also for the code of other packages.

import * as log from "../log.ts";

const { trace, debug, info, warn, error } = log;

Object.assign(globalThis, { console: { log: info, info, trace, debug, warn, error } });
