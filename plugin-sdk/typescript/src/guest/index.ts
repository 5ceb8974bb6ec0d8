// The code that a build adds to a plugin. Authors never import it.

import "./console.ts";
import "./encoding.ts";
import "./locale.ts";

export { generic, typed } from "./exports.ts";
