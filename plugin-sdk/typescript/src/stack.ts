// Maps the places of a stack to the author's sources. Source maps: https://tc39.es/ecma426/

/** The parts of a source map that this module uses. */
export interface SourceMap {
  sources: readonly string[];
  mappings: string;
}

/** The engine's name for the bundle. */
const PLACE = /componentize-qjs:user\.js:(\d+):(\d+)/g;

/** Frames of the engine and of the SDK, which are left out. */
const AROUND = /^ +at .*\((?:native|@hookyard\/plugin\/[^)]*)\)\n?/gm;

declare global {
  /** The last line of a built plugin sets this. */
  var __hookyardSourceMap: SourceMap | undefined;
}

/** Rewrites every place of a stack that is in the plugin's map. */
export function mapStack(stack: string, map = globalThis.__hookyardSourceMap): string {
  if (!map) return stack;
  const lines = map.mappings.split(";");
  const mapped = stack.replace(PLACE, (place, line, column) => {
    const found = find(lines, Number(line) - 1, Number(column) - 1);
    return found ? `${map.sources[found.source]}:${found.line + 1}:${found.column + 1}` : place;
  });
  return mapped.replace(AROUND, "").trimEnd();
}

interface Origin {
  source: number;
  line: number;
  column: number;
}

/** The last segment at or before a place. It reads all earlier lines, because their numbers are differences. */
function find(lines: readonly string[], line: number, column: number): Origin | undefined {
  const origin: Origin = { source: 0, line: 0, column: 0 };
  let found: Origin | undefined;
  for (const [at, segments] of lines.slice(0, line + 1).entries()) {
    let generated = 0;
    for (const segment of segments.split(",").filter(Boolean)) {
      const [first = 0, source, originLine = 0, originColumn = 0] = numbers(segment);
      generated += first;
      if (source === undefined) continue;
      origin.source += source;
      origin.line += originLine;
      origin.column += originColumn;
      if (at === line && (generated <= column || !found)) found = { ...origin };
    }
  }
  return found;
}

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Decodes Base64 VLQ: each digit has five bits and a continuation bit. The lowest bit of a number is its sign. */
function numbers(segment: string): number[] {
  const made: number[] = [];
  let value = 0;
  let shift = 0;
  for (const digit of segment) {
    const bits = DIGITS.indexOf(digit);
    value |= (bits & 31) << shift;
    shift += 5;
    if (bits & 32) continue;
    made.push(value & 1 ? -(value >> 1) : value >> 1);
    value = shift = 0;
  }
  return made;
}
