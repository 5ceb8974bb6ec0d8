// The typed handlers of the SDK and of the plugin. The bundle of a test defines this module.

declare module "hookyard:packages" {
  export const packages: readonly import("../shape.ts").Package[];
}
