// The WIT packages that plugins and hosts agree on: where they are, and what is in them.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { parseWit } from "./parse-wit.js";

/** @typedef {import("./parse-wit.js").Package & { path: string }} Package */

/** The folder of the SDK. */
export const SDK = dirname(dirname(fileURLToPath(import.meta.url)));

/** What a JavaScript engine can do besides; the host has it for every language's runtime. */
const RUNTIME = join(SDK, "build", "runtime.wit");

/** The folder with the WIT: a copied SDK carries it, in hookyard's repository it stands beside. */
export function witFolder() {
  const found = [join(SDK, "wit"), join(SDK, "..", "..", "wit")].find((folder) => existsSync(folder));
  if (!found) throw new Error(`there is no wit folder in ${SDK}, nor two levels above it`);
  return found;
}

/** All packages: folders with WIT files, and files that are a package each. @returns {Package[]} */
export function readPackages() {
  const root = witFolder();
  const packages = [readPackage([RUNTIME], RUNTIME)];
  for (const entry of readdirSync(root, { withFileTypes: true }).sort((a, b) => a.name.localeCompare(b.name))) {
    if (!entry.isDirectory()) continue;
    const folder = join(root, entry.name);
    const files = readdirSync(folder).filter((name) => name.endsWith(".wit")).sort();
    const paths = files.map((name) => join(folder, name));
    if (entry.name === "wasi") packages.push(...paths.map((path) => readPackage([path], path)));
    else if (paths.length > 0) packages.push(readPackage(paths, folder));
  }
  return packages;
}

/** @param {string[]} files @param {string} path @returns {Package} */
function readPackage(files, path) {
  const parsed = files.map((file) => parseWit(readFileSync(file, "utf8"), file));
  const named = parsed.find((file) => file.package)?.package;
  if (!named) throw new Error(`${path}: no file names the package`);
  return { ...named, interfaces: parsed.flatMap((file) => file.interfaces), path };
}

/**
 * An interface by `package:name/interface`, with or without a version.
 * @param {Package[]} packages @param {string} name
 */
export function findInterface(packages, name) {
  const [path = name, version] = name.split("@");
  const [packageName, interfaceName] = path.split("/");
  for (const candidate of packages) {
    if (candidate.name !== packageName || (version !== undefined && candidate.version !== version)) continue;
    const found = candidate.interfaces.find((one) => one.name === interfaceName);
    if (found) return { in: candidate, interface: found };
  }
  throw new Error(`no package here has the interface ${name}`);
}

/** `moncreneau:events/appointment-created@1.0.0` @param {Package} owner @param {string} name */
export function fullName(owner, name) {
  return `${owner.name}/${name}@${owner.version}`;
}

/** The interfaces that plugins can export: those with a `handle` function. @param {Package[]} packages */
export function handlers(packages) {
  return packages.flatMap((owner) =>
    owner.interfaces
      .filter((one) => one.funcs.some((func) => func.name === "handle" && func.params[0]?.type?.name === "context"))
      .map((one) => ({ in: owner, interface: one, exportName: camelCase(one.name), eventType: eventType(owner, one) })),
  );
}

/**
 * The type that the sender writes, such as `appointment.created`: the first that the interface's documentation
 * names. The generic handler has none.
 * @param {Package} owner @param {import("./parse-wit.js").Interface} one
 */
function eventType(owner, one) {
  if (owner.name === "hookyard:plugin") return undefined;
  const named = one.docs.join(" ").match(/`([^`]+)`/)?.[1];
  if (named?.replace(/[._]/g, "-") === one.name) return named;
  throw new Error(`${owner.path}: the documentation of ${one.name} has to begin with the event type`);
}

/** @param {string} name `appointment-created` */
export function camelCase(name) {
  return name.replace(/-(\w)/g, (_, letter) => letter.toUpperCase());
}

/** @param {string} name `appointment-created` */
export function pascalCase(name) {
  return camelCase(`-${name}`);
}
