import { describe, expect, it } from "vitest";
import type { KeyPage } from "../../keys/keys.schema";
import { KeyScan, KEYS_HELD_MAX } from "./key-scan";

function page(names: string[], cursor: string | null, scanned = names.length): KeyPage {
  return {
    keys: names.map((text) => ({ name: { text }, type: "string", ttlMs: 1_500, memoryBytes: 64 })),
    cursor,
    scanned,
    keysEstimate: 1_000_000,
    databases: [{ db: 0, keys: 1_000_000, expires: 0 }],
    databasesMax: 16,
    elapsedMs: 2,
  };
}

/** Waits until the scan rests. */
async function rest(scan: KeyScan): Promise<void> {
  while (scan.state().phase === "scanning") await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("KeyScan", () => {
  it("looks at a bounded part by itself and leaves the rest to goOn", async () => {
    const cursors: (string | null)[] = [];
    const scan = new KeyScan(async (cursor) => {
      cursors.push(cursor);
      const step = cursors.length;
      return page([`key:${step}`], step === 8 ? null : String(step), 2_500);
    });
    scan.begin();
    await rest(scan);
    expect(scan.state()).toMatchObject({ phase: "paused", scanned: 10_000, found: 4, elapsedMs: 8 });
    scan.goOn();
    await rest(scan);
    expect(scan.state()).toMatchObject({ phase: "through", scanned: 20_000, found: 8 });
    expect(cursors).toEqual([null, "1", "2", "3", "4", "5", "6", "7"]);
  });

  it("holds a key once, however often the server names it", async () => {
    const pages = [page(["a", "b"], "1"), page(["b", "c"], null)];
    const scan = new KeyScan(async () => pages.shift() ?? page([], null));
    scan.begin();
    await rest(scan);
    expect(scan.state().keys.map(({ key }) => key)).toEqual([{ text: "a" }, { text: "b" }, { text: "c" }]);
  });

  it("takes bytes and a text of the same letters for two keys", async () => {
    const both = page(["AAAA"], null);
    both.keys.push({ name: { base64: "AAAA" }, type: "string", ttlMs: null, memoryBytes: null });
    const scan = new KeyScan(async () => both);
    scan.begin();
    await rest(scan);
    expect(scan.state().found).toBe(2);
  });

  it("stops at as many as may be held and goes on with the next ones", async () => {
    let made = 0;
    const scan = new KeyScan(async () =>
      page(
        Array.from({ length: 2_000 }, () => `key:${(made += 1)}`),
        made >= 60_000 ? null : String(made),
      ),
    );
    scan.begin();
    await rest(scan);
    scan.goOn();
    await rest(scan);
    expect(scan.state()).toMatchObject({ phase: "full", found: KEYS_HELD_MAX });
    scan.goOn();
    await rest(scan);
    expect(scan.state()).toMatchObject({ phase: "through", found: 10_000, scanned: 60_000, generation: 1 });
  });

  it("stops between two steps and takes nothing that comes late", async () => {
    let answer: (page: KeyPage) => void = () => {};
    const scan = new KeyScan(async () => new Promise((resolve) => void (answer = resolve)));
    scan.begin();
    scan.stop();
    answer(page(["late"], null));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(scan.state()).toMatchObject({ phase: "paused", found: 0 });
  });

  it("says why it failed and goes on from the same place", async () => {
    let broken = true;
    const scan = new KeyScan(async (cursor) => {
      if (cursor === null) return page(["a"], "7");
      if (broken) throw new Error("refused");
      return page(["b"], null);
    });
    scan.begin();
    await rest(scan);
    expect(scan.state()).toMatchObject({ phase: "failed", found: 1 });
    broken = false;
    scan.goOn();
    await rest(scan);
    expect(scan.state()).toMatchObject({ phase: "through", found: 2, error: null });
  });
});
