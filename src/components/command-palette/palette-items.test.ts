import { describe, expect, it } from "vitest";
import { type PaletteItem, highlight, paletteGroups } from "@/components/command-palette/palette-items";

const item = (id: string, group = "Go to", more: Partial<PaletteItem> = {}): PaletteItem => ({ id, group, label: id, ...more });

describe("paletteGroups", () => {
  it("puts what begins with the words first and keeps the groups in order", () => {
    const groups = paletteGroups(
      [item("reorder"), item("public.orders"), item("orders"), item("Export orders to CSV", "Actions"), item("customers")],
      [],
      "ord",
    );
    expect(groups).toEqual([
      {
        name: "Go to",
        items: [expect.objectContaining({ id: "orders" }), expect.objectContaining({ id: "public.orders" }), expect.objectContaining({ id: "reorder" })],
      },
      { name: "Actions", items: [expect.objectContaining({ id: "Export orders to CSV" })] },
    ]);
  });

  it("wants every word, in keywords too", () => {
    const items = [item("Theme: dark", "Actions", { keywords: ["appearance"] })];
    expect(paletteGroups(items, [], "appear dark")).toHaveLength(1);
    expect(paletteGroups(items, [], "appear light")).toHaveLength(0);
  });

  it("shows what the server found as it is, once", () => {
    const groups = paletteGroups([item("a")], [item("zzz"), item("a")], "a");
    expect(groups[0]?.items.map(({ id }) => id)).toEqual(["zzz", "a"]);
  });
});

describe("highlight", () => {
  it("marks the words, signs included, and loses no letter", () => {
    expect(highlight("public.orders", "ord")).toEqual([
      { text: "public.", hit: false },
      { text: "ord", hit: true },
      { text: "ers", hit: false },
    ]);
    expect(
      highlight("rank:orders:*", ":*")
        .map(({ text }) => text)
        .join(""),
    ).toBe("rank:orders:*");
    expect(highlight("Orders", "")).toEqual([{ text: "Orders", hit: false }]);
  });
});
