/**
 * JSON text to a tree that keeps what JSON.parse loses: the order of keys (integer-like ones too), duplicate keys, the
 * spelling of numbers, and where each part stands, so that an error can point at it. Keys may stand without quotes when
 * they are plain names, as people type them: { status: "sent" }.
 */

export type JsonNode =
  | { kind: "object"; at: number; entries: JsonEntry[] }
  | { kind: "array"; at: number; items: JsonNode[] }
  | { kind: "string"; at: number; value: string }
  | { kind: "number"; at: number; text: string }
  | { kind: "literal"; at: number; value: boolean | null };

export interface JsonEntry {
  key: string;
  at: number;
  value: JsonNode;
}

export type ObjectNode = Extract<JsonNode, { kind: "object" }>;

export class EjsonError extends Error {
  readonly at: number;
  constructor(message: string, at: number) {
    super(message);
    this.name = "EjsonError";
    this.at = at;
  }
}

/** "line 1, column 14" of a position, both from 1. */
export function positionText(source: string, at: number): string {
  const before = source.slice(0, at).split("\n");
  return `line ${before.length}, column ${(before.at(-1) ?? "").length + 1}`;
}

const SPACE = /[ \t\r\n]*/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN_KEY = /[A-Za-z_$][A-Za-z0-9_$]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const LITERALS: Record<string, boolean | null> = { true: true, false: false, null: null };

/** @throws EjsonError with the position of the first character that does not fit */
export function parseJsonTree(source: string, options: { depthMax: number }): JsonNode {
  let position = 0;

  const fail = (message: string, at = position): never => {
    throw new EjsonError(message, at);
  };

  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = position;
    const found = pattern.exec(source);
    if (!found) return null;
    position = pattern.lastIndex;
    return found[0];
  };

  const skipSpace = () => void match(SPACE);

  const take = (character: string): boolean => {
    if (source[position] !== character) return false;
    position++;
    return true;
  };

  const found = () => (position < source.length ? `found ${JSON.stringify(source[position])}` : "the text ends");

  const readString = (): string => {
    const at = position;
    const text = match(STRING);
    if (text === null) return fail("This string does not end, or holds a character that must be escaped", at);
    return JSON.parse(text) as string;
  };

  const readKey = (): string => {
    if (source[position] === '"') return readString();
    if (source[position] === "'") return fail("Use double quotes around names and strings");
    return match(PLAIN_KEY) ?? fail(`A name is expected here, ${found()}`);
  };

  const readObject = (at: number, depth: number): JsonNode => {
    const entries: JsonEntry[] = [];
    skipSpace();
    if (take("}")) return { kind: "object", at, entries };
    for (;;) {
      skipSpace();
      const keyAt = position;
      const key = readKey();
      skipSpace();
      if (!take(":")) fail(`A colon is expected after ${JSON.stringify(key)}, ${found()}`);
      entries.push({ key, at: keyAt, value: readValue(depth) });
      skipSpace();
      if (take("}")) return { kind: "object", at, entries };
      if (!take(",")) fail(`A comma or } is expected here, ${found()}`);
    }
  };

  const readArray = (at: number, depth: number): JsonNode => {
    const items: JsonNode[] = [];
    skipSpace();
    if (take("]")) return { kind: "array", at, items };
    for (;;) {
      items.push(readValue(depth));
      skipSpace();
      if (take("]")) return { kind: "array", at, items };
      if (!take(",")) fail(`A comma or ] is expected here, ${found()}`);
    }
  };

  const readValue = (depth: number): JsonNode => {
    skipSpace();
    const at = position;
    if (source[position] === "{" || source[position] === "[") {
      if (depth >= options.depthMax) fail(`Nested deeper than ${options.depthMax} levels`);
      return source[position++] === "{" ? readObject(at, depth + 1) : readArray(at, depth + 1);
    }
    if (source[position] === '"') return { kind: "string", at, value: readString() };
    if (source[position] === "'") return fail("Use double quotes around names and strings");
    const number = match(NUMBER);
    if (number !== null) return { kind: "number", at, text: number };
    const word = match(PLAIN_KEY);
    if (word !== null && Object.hasOwn(LITERALS, word)) return { kind: "literal", at, value: LITERALS[word] ?? null };
    if (word !== null) return fail(`${word} is not a value here: strings need double quotes, types are written as {"$oid": "…"}, {"$date": "…"}`, at);
    return fail(`A value is expected here, ${found()}`, at);
  };

  const tree = readValue(0);
  skipSpace();
  if (position < source.length) fail(`Nothing may follow the value, ${found()}`);
  return tree;
}
