import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesToBase64 } from "@/lib/hex";
import { type KeyBytes, KeyTree, keyText, keyTreeRows } from "@/lib/key-tree";

const text = (key: string) => ({ key: { text: key }, type: "string" });
const closed = { open: new Set<string>(), shown: new Map<string, number>() };

function draw(tree: KeyTree, view = closed): string[] {
  return keyTreeRows(tree.root, view).map((row) => {
    const pad = "  ".repeat(row.level);
    if ("left" in row) return `${pad}${row.left} more`;
    return row.node.kind === "group" ? `${pad}${row.node.name}/ ${row.node.count}` : `${pad}${row.node.name}`;
  });
}

describe("KeyTree", () => {
  it("groups by separator with counts at every level", () => {
    const tree = new KeyTree(":");
    tree.add(["session:web:1", "session:web:2", "session:api:1", "lock", "session"].map(text));
    expect(draw(tree)).toEqual(["session/ 3", "lock", "session"]);
    expect(draw(tree, { ...closed, open: new Set(["session:", "session:web:"]) })).toEqual([
      "session/ 3",
      "  api/ 1",
      "  web/ 2",
      "    1",
      "    2",
      "lock",
      "session",
    ]);
  });

  it("keeps empty parts and whole separators apart", () => {
    const tree = new KeyTree("::");
    tree.add(["a::b", "a:b", "a::", "::a"].map(text));
    expect(draw(tree)).toEqual(["/ 1", "a/ 2", "a:b"]);
  });

  it("counts a key once that SCAN names twice", () => {
    const tree = new KeyTree(":");
    tree.add([text("a:1")]);
    tree.add([text("a:1"), text("a:2")]);
    expect(draw(tree)).toEqual(["a/ 2"]);
    expect(tree.taken).toBe(3);
  });

  it("shows binary parts escaped and never mixes two keys up", () => {
    const tree = new KeyTree(":");
    tree.add([
      { key: { base64: bytesToBase64(Uint8Array.from([0x63, 0x3a, 0xff])) }, type: "string" },
      { key: { text: "c:\\xff" }, type: "string" },
    ]);
    expect(draw(tree, { ...closed, open: new Set(["c:"]) })).toEqual(["c/ 2", "  \\\\xff", "  \\xff"]);
  });

  it("cuts at any separator, though it be a letter of an escape", () => {
    for (const separator of ["x", "f", "\\", "é", "::"]) {
      fc.assert(
        fc.property(fc.uint8Array({ maxLength: 8 }), (bytes) => {
          const tree = new KeyTree(separator);
          const before = Uint8Array.from([0xff, ...new TextEncoder().encode(separator), ...bytes]);
          tree.add([{ key: { base64: bytesToBase64(before) }, type: "string" }]);
          expect(draw(tree)).toEqual(["\\xff/ 1"]);
        }),
      );
    }
  });

  it("gives different keys different texts", () => {
    const key = fc.uint8Array({ maxLength: 6 });
    fc.assert(
      fc.property(key, key, (a, b) => {
        const of = (bytes: Uint8Array): KeyBytes => ({ base64: bytesToBase64(bytes) });
        expect(keyText(of(a)) === keyText(of(b))).toBe(bytesToBase64(a) === bytesToBase64(b));
      }),
    );
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(keyText({ text: value })).toBe(keyText({ base64: bytesToBase64(new TextEncoder().encode(value)) }));
      }),
    );
  });

  it("shows the first of many, then how many are left", () => {
    const tree = new KeyTree("");
    tree.add(Array.from({ length: 1_000 }, (_, index) => text(`k${String(index).padStart(4, "0")}`)));
    expect(draw(tree)).toHaveLength(201);
    expect(draw(tree).at(-1)).toBe("800 more");
    expect(draw(tree, { ...closed, shown: new Map([["", 700]]) }).at(-1)).toBe("300 more");
  });

  it("takes a hundred thousand keys in pages within a moment", () => {
    const tree = new KeyTree(":");
    const started = performance.now();
    for (let page = 0; page < 100; page += 1) tree.add(Array.from({ length: 1_000 }, (_, index) => text(`session:${index % 50}:${page * 1_000 + index}`)));
    expect(tree.root.count).toBe(100_000);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});
