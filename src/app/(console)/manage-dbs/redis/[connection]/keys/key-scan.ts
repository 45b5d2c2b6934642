/** Goes through a logical database by SCAN, one bounded step at a time, and holds what was found. Plain state, so that a screen only shows it. */
import type { TreeKey } from "@/lib/key-tree";
import type { RedisBytes } from "../../redis.schema";
import type { KeyPage } from "../../keys/keys.schema";

/** More than this is not held in one page: the browser would grow slow, and nobody reads fifty thousand names. */
export const KEYS_HELD_MAX = 50_000;
/** Looked at without being asked; from there on "Go on" decides. */
const LOOKED_AT_BY_ITSELF = 10_000;

export interface ScanState {
  /** In the order they came. Only ever made longer while `generation` stays. */
  keys: readonly TreeKey[];
  generation: number;
  /** Different keys among them. */
  found: number;
  scanned: number;
  elapsedMs: number;
  phase: "scanning" | "paused" | "full" | "through" | "failed";
  error: unknown;
  /** Of the last page; null before the first. */
  about: Pick<KeyPage, "keysEstimate" | "databases" | "databasesMax"> | null;
}

/** `isAgain`: nothing that was answered before will do. */
export type LoadPage = (cursor: string | null, options: { signal: AbortSignal; isAgain: boolean }) => Promise<KeyPage>;

const nothing: Pick<ScanState, "keys" | "found" | "scanned" | "elapsedMs" | "error"> = { keys: [], found: 0, scanned: 0, elapsedMs: 0, error: null };

export class KeyScan {
  #state: ScanState = { ...nothing, generation: 0, phase: "scanning", about: null };
  #cursor: string | null = null;
  #isAgain = false;
  #seen = new Set<string>();
  #run: AbortController | null = null;
  readonly #loadPage: LoadPage;
  readonly #listeners = new Set<() => void>();

  constructor(loadPage: LoadPage) {
    this.#loadPage = loadPage;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  };

  readonly state = (): ScanState => this.#state;

  /** The first run: a bounded part of the keys. Does nothing when something was found out already. */
  readonly begin = (): void => {
    if (this.#run === null && this.#state.about === null && this.#state.error === null) void this.#go(LOOKED_AT_BY_ITSELF);
  };

  /** Until the end, until as many are held as may be, or until `stop`. When full, those held make room for the next. */
  readonly goOn = (): void => {
    if (this.#run !== null || this.#state.phase === "through") return;
    if (this.#state.phase === "full") this.#drop();
    void this.#go(Number.POSITIVE_INFINITY);
  };

  readonly stop = (): void => {
    if (this.#run === null) return;
    this.#run.abort();
    this.#run = null;
    this.#set({ phase: "paused" });
  };

  /** From the start again. */
  readonly again = (): void => {
    this.#run?.abort();
    this.#run = null;
    this.#cursor = null;
    this.#isAgain = true;
    this.#drop();
    this.#set({ scanned: 0, elapsedMs: 0 });
    void this.#go(LOOKED_AT_BY_ITSELF);
  };

  /** Says something newer about a key that is held: the tree takes the last word. */
  readonly correct = (key: TreeKey): void => {
    if (!this.#seen.has(keyId(key.key))) return;
    this.#set({ keys: [...this.#state.keys, key] });
  };

  async #go(budget: number): Promise<void> {
    const run = new AbortController();
    this.#run = run;
    this.#set({ phase: "scanning", error: null });
    let looked = 0;
    try {
      do {
        const page = await this.#loadPage(this.#cursor, { signal: run.signal, isAgain: this.#isAgain });
        if (run.signal.aborted) return;
        looked += page.scanned;
        this.#take(page);
      } while (this.#cursor !== null && looked < budget && this.#seen.size < KEYS_HELD_MAX);
      this.#set({ phase: this.#cursor === null ? "through" : this.#seen.size >= KEYS_HELD_MAX ? "full" : "paused" });
    } catch (error) {
      if (run.signal.aborted) return;
      this.#set({ phase: "failed", error });
    }
    this.#run = null;
  }

  /** A key may come twice when the server resizes its table meanwhile. */
  #take(page: KeyPage): void {
    const fresh = page.keys.filter(({ name }) => {
      const id = keyId(name);
      if (this.#seen.has(id)) return false;
      this.#seen.add(id);
      return true;
    });
    this.#cursor = page.cursor;
    const { keysEstimate, databases, databasesMax } = page;
    this.#set({
      keys: fresh.length === 0 ? this.#state.keys : [...this.#state.keys, ...fresh.map(treeKey)],
      found: this.#seen.size,
      scanned: this.#state.scanned + page.scanned,
      elapsedMs: this.#state.elapsedMs + page.elapsedMs,
      about: { keysEstimate, databases, databasesMax },
    });
  }

  #drop(): void {
    this.#seen = new Set();
    this.#set({ keys: [], found: 0, generation: this.#state.generation + 1 });
  }

  #set(change: Partial<ScanState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function treeKey({ name, type, ttlMs, memoryBytes }: KeyPage["keys"][number]): TreeKey {
  return { key: name, type, ttlSeconds: ttlMs === null ? null : ttlMs / 1000, memoryBytes };
}

function keyId(name: TreeKey["key"] | RedisBytes): string {
  return "text" in name ? `t${name.text}` : `b${name.base64}`;
}
