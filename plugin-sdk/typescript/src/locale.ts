// The functions of ECMAScript that depend on a locale. The engine has no locales and ignores the argument, so its
// results differ from those of Node and browsers. Plugins and their tests get these functions in place of both.

/** The functions by their prototypes. */
export const replacements: readonly (readonly [prototype: object, functions: Record<string, Function>])[] = [
  [Date.prototype, { ...missing("toLocaleString"), ...missing("toLocaleDateString"), ...missing("toLocaleTimeString") }],
  [Number.prototype, missing("toLocaleString")],
  [BigInt.prototype, missing("toLocaleString")],
  [
    String.prototype,
    {
      localeCompare(this: string, other: string, locales?: unknown, options?: unknown) {
        if (locales !== undefined || options !== undefined) throw new TypeError(reason("localeCompare with a locale"));
        const [a, b] = [String(this).normalize(), String(other).normalize()];
        return a < b ? -1 : a > b ? 1 : 0;
      },
      toLocaleLowerCase(this: string) {
        return String(this).toLowerCase();
      },
      toLocaleUpperCase(this: string) {
        return String(this).toUpperCase();
      },
    },
  ],
];

function missing(name: string): Record<string, Function> {
  return {
    [name]() {
      throw new TypeError(reason(name));
    },
  };
}

function reason(name: string): string {
  return `${name}: plugins have no locales; write the parts yourself, for example from toISOString() or toFixed(2)`;
}
