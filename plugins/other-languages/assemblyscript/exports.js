// AssemblyScript exports a function under its own name only. This transform of the compiler adds the names in WIT.
import { Transform } from "assemblyscript/transform";

const HANDLER = "hookyard:plugin/event-handler@0.1.0";
const NAMES = {
  subscriptions: `${HANDLER}#subscriptions`,
  handle: `${HANDLER}#handle`,
  release: `cabi_post_${HANDLER}#handle`,
};

export default class extends Transform {
  afterCompile(module) {
    for (const [own, name] of Object.entries(NAMES)) {
      module.removeExport(own);
      module.addFunctionExport(`assembly/plugin/${own}`, name);
    }
  }
}
