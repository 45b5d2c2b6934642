import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  capitalised,
  formatBytes,
  formatClock,
  formatCount,
  formatDateTime,
  formatDifference,
  formatDuration,
  formatDurationShort,
  formatElapsed,
  formatExact,
  formatMoment,
  formatRelative,
  formatShare,
  formatUtc,
  groupDigits,
} from "@/lib/format";

const KiB = 1024;
const GiB = KiB ** 3;

describe("formatBytes", () => {
  it.each([
    [0, "0 B"],
    [6, "6 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1434, "1.4 KiB"],
    [14.2 * KiB, "14.2 KiB"],
    [834 * KiB ** 2, "834 MiB"],
    [3.86 * GiB, "3.86 GiB"],
    [18.4 * GiB, "18.4 GiB"],
    [GiB, "1.00 GiB"],
    [GiB - 1, "1.00 GiB"],
    [-2048, "−2 KiB"],
  ])("%d is %s", (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  it("never writes 1024 of a unit it has a larger one for", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        expect(formatBytes(bytes)).not.toMatch(/^(1024|1,024) (?!PiB)/);
      }),
    );
  });
});

describe("counts", () => {
  it.each([
    [10_000_035, {}, "10,000,035"],
    [1_000_412, { estimated: true }, "~1,000,412"],
    [312, { compact: true }, "312"],
    [412_660, { compact: true, estimated: true }, "~413 k"],
    [999_600, { compact: true }, "1.00 M"],
    [31_402_118, { compact: true }, "31.4 M"],
    [4_118_230, { compact: true }, "4.12 M"],
  ])("%d %o is %s", (count, options, text) => expect(formatCount(count, options)).toBe(text));

  it("groups any integer text without losing a digit", () => {
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        expect(groupDigits(value.toString()).replaceAll(",", "")).toBe(value.toString());
      }),
    );
    expect(groupDigits("-1234")).toBe("-1,234");
    expect(groupDigits("12a4")).toBe("12a4");
  });

  it("writes differences with a true minus", () => {
    expect([41_203, -12, 0].map(formatDifference)).toEqual(["+41,203", "−12", "0"]);
  });

  it("never rounds an incomplete share up to all, nor a share to nothing", () => {
    expect([0, 0.0004, 0.62, 0.993, 0.9999, 1].map(formatShare)).toEqual(["0 %", "under 0.1 %", "62 %", "99.3 %", "over 99.9 %", "100 %"]);
  });
});

describe("durations", () => {
  it.each([
    [14, "14 s"],
    [192, "3 min 12 s"],
    [2820, "47 min"],
    [63_060, "17 h 31 min"],
    [86_400, "1 day"],
    [41 * 86_400 + 6 * 3600, "41 days 6 h"],
  ])("%d s is %s", (seconds, text) => expect(formatDuration(seconds)).toBe(text));

  it("is shorter in columns", () => {
    expect([1392, 6 * 86_400 + 7200, 45].map(formatDurationShort)).toEqual(["23 min", "6 d 2 h", "45 s"]);
  });

  it.each([
    [0.2, "under 1 ms"],
    [212.4, "212 ms"],
    [999.7, "1 s"],
    [2_100, "2.1 s"],
    [192_000, "3 min 12 s"],
  ])("%d ms is %s", (milliseconds, text) => expect(formatElapsed(milliseconds)).toBe(text));
});

describe("times", () => {
  const now = new Date("2026-11-23T08:41:00Z");

  it.each([
    ["2026-11-23T08:40:56Z", "4 s ago"],
    ["2026-11-23T08:41:00Z", "now"],
    ["2026-11-23T08:00:00Z", "41 min ago"],
    ["2026-11-22T01:40:00Z", "31 h ago"],
    ["2026-11-21T02:12:00Z", "2 days ago"],
    ["2026-11-26T08:41:00Z", "in 3 days"],
    ["not a time", ""],
  ])("%s is %s", (time, text) => expect(formatRelative(time, now)).toBe(text));

  it("names today and yesterday in the reader's zone", () => {
    expect(formatMoment("2026-11-22T23:30:00Z", now, "Europe/Berlin")).toBe("Today 00:30");
    expect(formatMoment("2026-11-22T23:30:00Z", now, "UTC")).toBe("Yesterday 23:30");
    expect(formatMoment("2026-11-21T02:12:00Z", now, "Europe/Berlin")).toBe("Sat 21 Nov 03:12");
    expect(formatMoment("2025-11-21T02:12:00Z", now, "Europe/Berlin")).toBe("Fri 21 Nov 2025 03:12");
  });

  it("gives the exact time in both zones", () => {
    expect(formatExact("2026-11-23T08:36:47.218Z", "Europe/Berlin")).toBe("Mon 23 Nov 2026, 09:36:47 CET · 08:36:47 UTC");
    expect(formatExact("2026-11-23T08:36:47Z", "UTC")).toBe("Mon 23 Nov 2026, 08:36:47 UTC");
    expect(formatUtc("2026-11-23T08:36:47Z")).toBe("23 Nov 2026, 08:36 UTC");
    expect(formatDateTime("2026-09-01T08:36:47Z", "Europe/Berlin")).toBe("Tue 1 Sep 2026, 10:36");
    expect(formatClock("2026-11-23T08:36:47Z", "UTC")).toBe("08:36:47");
  });
});

it.each([
  ["rows", "Rows"],
  ["a new file", "A new file"],
  ["éléments", "Éléments"],
  ["", ""],
])("begins %s with a capital letter", (words, expected) => {
  expect(capitalised(words)).toBe(expected);
});
