/** Takes secrets out of what is written down: inputs of the audit log, errors of the log. */

const INPUT_BYTES_MAX = 4_096;
const HIDDEN_NAME =
  /pass(word|phrase|wd)|secret|token|credential|authorization|cookie|(^|_)ur[il]s?$|ur[il]$|connection_?string|(api|access|private|encryption|signing)_?key|^pem$/i;
const HIDDEN = "***";

/**
 * Hides the password of every URL in a text, and of every SQL `PASSWORD '...'`. Each part of the patterns is bounded,
 * so that a hostile text of any length costs only its length.
 */
export function maskCredentials(text: string): string {
  return text
    .replace(/:\/\/([^\s:/@]{0,256}):[^\s/]{0,1024}(?:@|$)/g, `://$1:${HIDDEN}@`)
    .replace(/(\bpassword[\s=:]{1,20})'(?:[^']|''){0,256}(?:'|$)/gi, `$1'${HIDDEN}'`);
}

/** JSON of a procedure's input for the audit: secrets hidden by name, long parts cut, at most 4 KiB, always parseable. */
export function redactInput(input: unknown): string {
  for (const bounds of [
    { text: 1_024, items: 50, depth: 8 },
    { text: 256, items: 12, depth: 6 },
    { text: 80, items: 5, depth: 4 },
  ]) {
    const json = JSON.stringify(reduce(input, bounds)) ?? "null";
    if (Buffer.byteLength(json) <= INPUT_BYTES_MAX) return json;
  }
  return JSON.stringify({ truncated: "the input is longer than the log keeps" });
}

interface Bounds {
  text: number;
  items: number;
  depth: number;
}

function reduce(value: unknown, bounds: Bounds): unknown {
  if (typeof value === "string") return shorten(maskCredentials(value.slice(0, bounds.text * 2)), { charactersMax: bounds.text, length: value.length });
  if (typeof value === "bigint") return value.toString();
  if (value === null || typeof value !== "object") return typeof value === "function" || typeof value === "symbol" ? undefined : value;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`;
  if ("toJSON" in value && typeof value.toJSON === "function") return HIDDEN;
  if (bounds.depth === 0) return "…";
  const inner = { ...bounds, depth: bounds.depth - 1 };
  if (Array.isArray(value)) {
    const kept = value.slice(0, bounds.items).map((item) => reduce(item, inner));
    return value.length > bounds.items ? [...kept, `… ${value.length - bounds.items} more`] : kept;
  }
  const entries = Object.entries(value);
  const kept = entries
    .slice(0, bounds.items)
    .map(([name, item]) => [shorten(name, { charactersMax: 128, length: name.length }), HIDDEN_NAME.test(name) ? HIDDEN : reduce(item, inner)]);
  if (entries.length > bounds.items) kept.push(["…", `${entries.length - bounds.items} more`]);
  return Object.fromEntries(kept);
}

/** Cuts between whole characters, so that no half of a pair is written. */
function shorten(text: string, options: { charactersMax: number; length: number }): string {
  if (options.length <= options.charactersMax) return text.toWellFormed();
  return `${text.slice(0, options.charactersMax).toWellFormed()}… (${options.length} characters)`;
}
