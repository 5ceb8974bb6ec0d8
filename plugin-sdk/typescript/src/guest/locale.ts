// Replaces the functions that depend on a locale: ../locale.ts.

import { replacements } from "../locale.ts";

for (const [prototype, functions] of replacements) {
  for (const [name, value] of Object.entries(functions)) {
    Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false });
  }
}
