/** Redis keys as a tree by separator. Keys are bytes: a part is known by its escaped text, which no two byte strings share. */
import { binaryToText } from "@/lib/binary-text";
import { base64ToBytes } from "@/lib/hex";

/** Bytes as the wire carries them: text when it is UTF-8 that comes back equal, else base64. */
export type KeyBytes = { text: string } | { base64: string };

export interface TreeKey {
  key: KeyBytes;
  type: string;
  /** Seconds; null when it never expires, undefined when not asked. */
  ttlSeconds?: number | null | undefined;
  memoryBytes?: number | null | undefined;
}

export interface KeyLeaf {
  kind: "key";
  /** The whole key, escaped. */
  id: string;
  /** The last part, escaped. */
  name: string;
  entry: TreeKey;
}

export interface KeyGroup {
  kind: "group";
  /** All parts down to here, escaped, with the separator behind each. */
  id: string;
  name: string;
  /** Keys below, at any depth, as found so far. */
  count: number;
  groups: Map<string, KeyGroup>;
  keys: Map<string, KeyLeaf>;
}

export function keyBytes(key: KeyBytes): Uint8Array {
  return "text" in key ? new TextEncoder().encode(key.text) : base64ToBytes(key.base64);
}

/** Printable ASCII without a backslash is its own escaped form; that is nearly every key there is. */
function isPlain(key: KeyBytes): key is { text: string } {
  return "text" in key && /^[\x20-\x5b\x5d-\x7e]*$/.test(key.text);
}

/** The whole key, printable and without loss. */
export function keyText(key: KeyBytes): string {
  return isPlain(key) ? key.text : binaryToText(keyBytes(key));
}

/** The escaped parts of a key. Bytes are cut before they are escaped: the separator may be a letter of an escape. */
function keyParts(key: KeyBytes, separator: string): string[] {
  if (separator === "") return [keyText(key)];
  if (isPlain(key)) return key.text.split(separator);
  const cut = latin1(new TextEncoder().encode(separator));
  return latin1(keyBytes(key))
    .split(cut)
    .map((part) => binaryToText(Uint8Array.from(part, (character) => character.charCodeAt(0))));
}

/** One character a byte. */
function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** Grows while a scan goes on: adding a page costs that page only. */
export class KeyTree {
  readonly root: KeyGroup = { kind: "group", id: "", name: "", count: 0, groups: new Map(), keys: new Map() };
  readonly #separator: string;
  readonly #shownSeparator: string;
  /** Keys given so far, repeated ones too: SCAN may name a key twice. */
  #taken = 0;

  /** @param separator plain text between parts; empty for a flat list */
  constructor(separator: string) {
    this.#separator = separator;
    this.#shownSeparator = binaryToText(new TextEncoder().encode(separator));
  }

  get taken(): number {
    return this.#taken;
  }

  add(entries: readonly TreeKey[]): void {
    for (const entry of entries) this.#add(entry);
    this.#taken += entries.length;
  }

  #add(entry: TreeKey): void {
    const id = keyText(entry.key);
    const parts = keyParts(entry.key, this.#separator);
    const name = parts.pop() ?? "";
    const path: KeyGroup[] = [this.root];
    let group = this.root;
    for (const part of parts) {
      let next = group.groups.get(part);
      if (!next) {
        next = { kind: "group", id: `${group.id}${part}${this.#shownSeparator}`, name: part, count: 0, groups: new Map(), keys: new Map() };
        group.groups.set(part, next);
      }
      path.push(next);
      group = next;
    }
    if (!group.keys.has(id)) for (const above of path) above.count += 1;
    group.keys.set(id, { kind: "key", id, name, entry });
  }
}

export interface KeyTreeRow {
  node: KeyGroup | KeyLeaf;
  level: number;
  expanded: boolean | null;
}

export interface KeyTreeMore {
  group: string;
  level: number;
  left: number;
}

export interface KeyTreeView {
  /** Ids of groups that stand open. */
  open: ReadonlySet<string>;
  /** How many children of a group are shown, where more than at first. */
  shown: ReadonlyMap<string, number>;
}

export const keysAtFirst = 200;

/** The rows that can be seen with these groups open, groups before keys, each in the order of their names. */
export function keyTreeRows(root: KeyGroup, { open, shown }: KeyTreeView): (KeyTreeRow | KeyTreeMore)[] {
  const rows: (KeyTreeRow | KeyTreeMore)[] = [];
  const visit = (group: KeyGroup, level: number): void => {
    const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    const children = [...[...group.groups.values()].toSorted(byName), ...[...group.keys.values()].toSorted(byName)];
    const limit = shown.get(group.id) ?? keysAtFirst;
    for (const node of children.slice(0, limit)) {
      if (node.kind === "key") rows.push({ node, level, expanded: null });
      else {
        const expanded = open.has(node.id);
        rows.push({ node, level, expanded });
        if (expanded) visit(node, level + 1);
      }
    }
    if (children.length > limit) rows.push({ group: group.id, level, left: children.length - limit });
  };
  visit(root, 0);
  return rows;
}
