import "server-only";

/** Stream ids are two counters of 64 bits: "1764000000123-0". */
const COUNTER_MAX = 2n ** 64n - 1n;

/** Null after the very last id there can be. */
export function idAfter(id: string): string | null {
  const [ms, sequence] = counters(id);
  if (sequence < COUNTER_MAX) return `${ms}-${sequence + 1n}`;
  return ms < COUNTER_MAX ? `${ms + 1n}-0` : null;
}

/** Below zero when the first comes before the second. */
export function compareIds(first: string, second: string): number {
  const [a, b] = [counters(first), counters(second)];
  return a[0] === b[0] ? Number(a[1] > b[1]) - Number(a[1] < b[1]) : a[0] > b[0] ? 1 : -1;
}

function counters(id: string): [ms: bigint, sequence: bigint] {
  const [ms = "0", sequence = "0"] = id.split("-");
  return [BigInt(ms), BigInt(sequence)];
}
