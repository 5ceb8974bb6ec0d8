// The engine has no console. Here it is the log, so that other people's code can be heard too.

import * as log from "../log.ts";

const { trace, debug, info, warn, error } = log;

Object.assign(globalThis, { console: { log: info, info, trace, debug, warn, error } });
