import { describe, expect, it } from "vitest";
import { elementColumns, elementRows } from "./element-rows";

type Pages = Parameters<typeof elementRows>[0];

const about = {
  name: { text: "k" },
  encoding: null,
  ttlMs: null,
  expiresAt: null,
  memoryBytes: null,
  idleSeconds: null,
  frequency: null,
  length: 2,
  nextCursor: null,
};
const plain = { hasExpiries: false, isSearch: false };

describe("elementRows", () => {
  it("keeps scores as the server wrote them and gives a cell for every column", () => {
    const pages: Pages = [{ ...about, type: "zset", value: { kind: "zset", members: [{ member: { text: "a" }, score: "0.10000000000000001", rank: 0 }] } }];
    const [row] = elementRows(pages, plain);
    expect(row?.cells).toEqual(["0", "0.10000000000000001", { text: "a" }, "1 B"]);
    expect(row?.cells).toHaveLength(elementColumns("zset", plain).length);
  });

  it("names a field of a hash once and keeps fields apart whose text and bytes look alike", () => {
    const field = (value: { text: string } | { base64: string }) => ({ field: value, value: { text: "" }, expiresAt: null });
    const pages: Pages = [
      { ...about, type: "hash", value: { kind: "hash", fields: [field({ text: "/w==" }), field({ base64: "/w==" })] } },
      { ...about, type: "hash", value: { kind: "hash", fields: [field({ text: "/w==" })] } },
    ];
    const rows = elementRows(pages, plain);
    expect(rows.map((row) => row.title)).toEqual(["/w==", "\\xff"]);
    expect(rows[1]?.address).toEqual({ element: "/w==", elementEncoding: "base64" });
  });

  it("gives every field of a stream entry a row of its own", () => {
    const fields = [
      { field: { text: "a" }, value: { text: "1" } },
      { field: { text: "a" }, value: { text: "2" } },
    ];
    const pages: Pages = [
      { ...about, type: "stream", value: { kind: "stream", entries: [{ id: "1-0", fields }], lastId: "1-0", entriesAdded: 1, maxDeletedId: null, groups: [] } },
    ];
    expect(elementRows(pages, plain).map((row) => [row.cells[0], row.address?.position])).toEqual([
      ["1-0", 0],
      [null, 1],
    ]);
  });

  it("says the whole length of what is cut", () => {
    const pages: Pages = [{ ...about, type: "list", value: { kind: "list", items: [{ index: 0, value: { text: "abc", length: 70_000 } }] } }];
    expect(elementRows(pages, plain)[0]).toMatchObject({ bytes: 70_000, address: { element: "0" } });
  });
});
