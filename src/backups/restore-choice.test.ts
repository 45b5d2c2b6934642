import { describe, expect, it } from "vitest";
import { byChange, changeOf, lossOf } from "@/backups/restore-choice";

const object = (name: string, inBackup: number | null, liveNow: number | null, after: number | null) => ({ name, kind: "table", inBackup, liveNow, after });

describe("changeOf", () => {
  it.each([
    [object("a", 5, 5, 5), { kind: "equal" }],
    [object("a", 5, 8, 5), { kind: "different", by: -3 }],
    [object("a", 8, 5, 8), { kind: "different", by: 3 }],
    [object("a", 5, null, 5), { kind: "new" }],
    [object("a", null, 7, null), { kind: "goes away" }],
    [object("view", null, null, null), { kind: "not counted" }],
  ])("of %o", (given, expected) => expect(changeOf(given)).toEqual(expected));
});

it("a loss is counted for each object and not evened out by another's gain", () => {
  expect(lossOf([object("a", 5, 8, 5), object("b", 10, 2, 10), object("c", null, 7, null), object("d", 1, 1, 1), object("e", 4, 9, null)])).toEqual({
    items: 10,
    objects: 1,
  });
});

it("what changes stands first, the largest difference on top", () => {
  const names = byChange([
    object("same", 1, 1, 1),
    object("new", 2, null, 2),
    object("small", 5, 6, 5),
    object("large", 1, 90, 1),
    object("gone", null, 3, null),
  ]);
  expect(names.map((entry) => entry.object.name)).toEqual(["gone", "large", "small", "new", "same"]);
});
