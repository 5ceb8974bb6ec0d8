// The last import of a test's bundle.

import { leave } from "./engine.ts";

leave();
