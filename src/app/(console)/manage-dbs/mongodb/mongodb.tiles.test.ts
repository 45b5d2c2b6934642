import { Long } from "mongodb";
import { describe, expect, it } from "vitest";

import { productOf } from "@/app/(console)/manage-dbs/mongodb/mongodb.product";
import { readTiles } from "@/app/(console)/manage-dbs/mongodb/mongodb.tiles";
import { testConnection } from "@/test/connections";

const connection = (name: string) => testConnection("mongodb", "mongodb://127.0.0.1:1/", { name });
const status = (queries: number) => ({
  uptime: 100,
  opcounters: { insert: Long.fromNumber(500), query: queries, update: 0, delete: 0, getmore: 0, command: 400 },
  connections: { current: 42, available: 158, active: 6 },
  mem: { resident: 512 },
  network: { bytesIn: Long.fromNumber(1024 * 100), bytesOut: 1024 * 900 },
});

describe("tiles", () => {
  it("says which figures a server does not report", () => {
    for (const reported of [null, {}, { uptime: 5 }]) {
      const tiles = readTiles(connection("silent"), reported);
      expect(tiles.map((tile) => tile.value)).toEqual(["not reported", "not reported", "not reported", "not reported"]);
      expect(tiles.every((tile) => tile.number === null)).toBe(true);
    }
  });

  it("gives the average until there are two readings, then the rate between them", async () => {
    const first = readTiles(connection("rates"), status(100));
    expect(first.map((tile) => [tile.id, tile.value, tile.unit])).toEqual([
      ["operations", "10", "a second"],
      ["connections", "42", "of 200"],
      ["memory", "512", "MiB"],
      ["network", "10", "KiB a second"],
    ]);
    await new Promise((resolve) => setTimeout(resolve, 600));
    const second = readTiles(connection("rates"), status(1_300));
    expect(second[0]?.number).toBeGreaterThan(1_000);
    expect(second[0]?.number).toBeLessThan(2_100);
    expect(second[0]?.note).toContain("over the last 1 s");
  });

  it("starts again when the server did", () => {
    readTiles(connection("restarted"), status(100_000));
    const after = readTiles(connection("restarted"), { ...status(10), uptime: 10 });
    expect(after[0]?.number).toBe(91);
  });
});

describe("products", () => {
  it("knows servers that present themselves as MongoDB", () => {
    expect(productOf({ version: "8.0.4" })).toEqual({ product: "MongoDB", version: "8.0.4", speaks: null });
    expect(productOf({ version: "8.2.11", secantusVersion: "0.7.0b3" })).toEqual({ product: "SecantusDB", version: "0.7.0b3", speaks: "8.2.11" });
    expect(productOf({ version: "7.0.77", ferretdb: { version: "v2.7.0" } })).toEqual({ product: "FerretDB", version: "2.7.0", speaks: "7.0.77" });
    expect(productOf(null)).toMatchObject({ version: "unknown" });
  });
});
