// A test's bundle begins with this module: what the test imports runs with the engine's globals.

import { enter } from "./engine.ts";

enter();
