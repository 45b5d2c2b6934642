/**
 * JSON for looking at: order, duplicate keys and the exact source of every number survive, which JSON.parse does not
 * promise (it moves integer-like keys, drops duplicates and rounds numbers).
 */

export interface JsonEntry {
  key: string;
  value: JsonNode;
}

export type JsonNode =
  | { kind: "object"; entries: JsonEntry[] }
  | { kind: "array"; items: JsonNode[] }
  | { kind: "string"; text: string }
  /** `text` is the number as it was written. */
  | { kind: "number"; text: string }
  | { kind: "boolean"; value: boolean }
  | { kind: "null" };

export class JsonTreeError extends Error {
  /** Characters from the start, from 0. */
  readonly position: number;

  constructor(message: string, position: number) {
    super(message);
    this.name = "JsonTreeError";
    this.position = position;
  }
}

export interface ParseJsonOptions {
  /** How many objects and arrays may stand in each other. */
  maxDepth?: number;
}

const depthDefault = 200;

/** @throws JsonTreeError with the place when the text is not JSON, or nested deeper than `maxDepth` */
export function parseJson(text: string, { maxDepth = depthDefault }: ParseJsonOptions = {}): JsonNode {
  const reader = new Reader(text, maxDepth);
  const node = reader.value(0);
  reader.end();
  return node;
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const blank = /[ \t\n\r]*/y;
// Up to the next quote, backslash or control character.
// oxlint-disable-next-line no-control-regex -- JSON forbids them inside strings
const plain = /[^"\\\u0000-\u001f]*/y;
const escapes: Record<string, string> = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };

class Reader {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  value(depth: number): JsonNode {
    if (depth > this.#maxDepth) throw new JsonTreeError(`Nested deeper than ${this.#maxDepth} levels`, this.#at);
    this.#match(blank);
    switch (this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return { kind: "string", text: this.#string() };
      case "t":
        return this.#word("true", { kind: "boolean", value: true });
      case "f":
        return this.#word("false", { kind: "boolean", value: false });
      case "n":
        return this.#word("null", { kind: "null" });
      default: {
        const source = this.#match(number);
        if (source === "") this.#fail("a value is expected");
        return { kind: "number", text: source };
      }
    }
  }

  end(): void {
    this.#match(blank);
    if (this.#at < this.#text.length) this.#fail("nothing more is expected");
  }

  #object(depth: number): JsonNode {
    const entries: JsonEntry[] = [];
    this.#at += 1;
    this.#match(blank);
    if (this.#take("}")) return { kind: "object", entries };
    for (;;) {
      this.#match(blank);
      if (this.#text[this.#at] !== '"') this.#fail("a name in quotes is expected");
      const key = this.#string();
      this.#match(blank);
      if (!this.#take(":")) this.#fail("a colon is expected");
      entries.push({ key, value: this.value(depth + 1) });
      this.#match(blank);
      if (this.#take("}")) return { kind: "object", entries };
      if (!this.#take(",")) this.#fail("a comma or } is expected");
    }
  }

  #array(depth: number): JsonNode {
    const items: JsonNode[] = [];
    this.#at += 1;
    this.#match(blank);
    if (this.#take("]")) return { kind: "array", items };
    for (;;) {
      items.push(this.value(depth + 1));
      this.#match(blank);
      if (this.#take("]")) return { kind: "array", items };
      if (!this.#take(",")) this.#fail("a comma or ] is expected");
    }
  }

  #string(): string {
    this.#at += 1;
    let result = "";
    for (;;) {
      result += this.#match(plain);
      if (this.#take('"')) return result;
      if (!this.#take("\\")) this.#fail(this.#at >= this.#text.length ? "the string does not end" : "control characters must be escaped");
      const letter = this.#text[this.#at] ?? "";
      const known = escapes[letter];
      if (known !== undefined) {
        result += known;
        this.#at += 1;
      } else if (letter === "u" && /^[\da-fA-F]{4}$/.test(this.#text.slice(this.#at + 1, this.#at + 5))) {
        result += String.fromCharCode(Number.parseInt(this.#text.slice(this.#at + 1, this.#at + 5), 16));
        this.#at += 5;
      } else this.#fail("this escape is not known");
    }
  }

  #word(word: string, node: JsonNode): JsonNode {
    if (!this.#text.startsWith(word, this.#at)) this.#fail("a value is expected");
    this.#at += word.length;
    return node;
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  #take(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #fail(what: string): never {
    const before = this.#text.slice(0, this.#at);
    const line = before.split("\n").length;
    throw new JsonTreeError(`Not JSON, line ${line}, column ${this.#at - before.lastIndexOf("\n")}: ${what}`, this.#at);
  }
}

/** Writes a tree back: numbers as they were, keys in their order. `indent` 0 writes one line. */
export function writeJson(node: JsonNode, indent = 0): string {
  return write(node, indent, "");
}

function write(node: JsonNode, indent: number, pad: string): string {
  switch (node.kind) {
    case "object":
      return wrap(
        "{}",
        node.entries.map(({ key, value }) => `${JSON.stringify(key)}:${indent > 0 ? " " : ""}${write(value, indent, pad + " ".repeat(indent))}`),
        indent,
        pad,
      );
    case "array":
      return wrap(
        "[]",
        node.items.map((item) => write(item, indent, pad + " ".repeat(indent))),
        indent,
        pad,
      );
    case "string":
      return JSON.stringify(node.text);
    case "number":
      return node.text;
    case "boolean":
      return String(node.value);
    case "null":
      return "null";
  }
}

function wrap(braces: "{}" | "[]", parts: readonly string[], indent: number, pad: string): string {
  if (parts.length === 0) return braces;
  if (indent === 0) return `${braces[0]}${parts.join(",")}${braces[1]}`;
  const inner = pad + " ".repeat(indent);
  return `${braces[0]}\n${parts.map((part) => inner + part).join(",\n")}\n${pad}${braces[1]}`;
}
