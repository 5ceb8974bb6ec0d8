// JSON with exact integers: those that a number would round are a `bigint`.

/** Whether a text can have such an integer. */
const LONG = /\d{16}/;

/** A string, or a number without a point or an exponent that is not a part of another token. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?![\d.eE])/g;

/** Parses a text. */
export function parse(text: string): any {
  if (!LONG.test(text)) return JSON.parse(text);
  const mark = markFor(text);
  const marked = text.replace(TOKEN, (token, at: number) => {
    if (token.startsWith('"') || /[\d.eE+-]/.test(text[at - 1] ?? "") || Number.isSafeInteger(Number(token))) return token;
    return `"${mark}${token}"`;
  });
  return JSON.parse(marked, (_, value) =>
    typeof value === "string" && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value,
  );
}

/** Formats a value. A `bigint` becomes a number with all its digits. Values such as functions have no JSON. */
export function stringify(value: unknown): string | undefined {
  let found = false;
  const text = JSON.stringify(value, (_, part) => (typeof part === "bigint" ? ((found = true), 0) : part));
  if (!found) return text;
  const mark = markFor(text);
  const marked = JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${mark}${part}` : part));
  return marked.replaceAll(new RegExp(`"${mark}(-?\\d+)"`, "g"), "$1");
}

/** A text that is no part of another. */
function markFor(text: string): string {
  let mark = "bigint:";
  while (text.includes(mark)) mark = `_${mark}`;
  return mark;
}
