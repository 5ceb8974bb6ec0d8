// What a build puts around a plugin: never imported by authors.

import "./console.ts";
import "./encoding.ts";

export { generic, typed } from "./exports.ts";
