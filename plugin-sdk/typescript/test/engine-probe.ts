// Records which globals a module has when it is imported.

export const atImport = {
  URL: typeof URL,
  Intl: typeof Intl,
  Map: typeof Map,
  crypto: typeof crypto,
};
