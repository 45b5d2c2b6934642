import { describe, expect, it } from "vitest";
import { passwordProblem } from "@/components/sign-in-form";
import { initialsOf } from "@/components/ui/avatar";
import { sparklinePoints } from "@/components/ui/sparkline";
import { typedNameProgress } from "@/components/ui/typed-name";

describe("typedNameProgress", () => {
  it.each([
    ["foundry", "", "7 letters to go"],
    ["foundry", "foundr", "1 letter to go"],
    ["foundry", "foundry", ""],
    ["foundry", "Foundry", "not the name"],
    ["foundry", "foundry ", "not the name"],
    ["Größe🙂", "Größe", "1 letter to go"],
  ])("of %s, %s is “%s”", (expected, typed, words) => expect(typedNameProgress(expected, typed)).toBe(words));
});

describe("passwordProblem", () => {
  it("says how many are missing or too many", () => {
    expect(passwordProblem("a".repeat(14))).toBe("1 more character: at least 15");
    expect(passwordProblem("a".repeat(15))).toBeNull();
    expect(passwordProblem("a".repeat(128))).toBeNull();
    expect(passwordProblem("a".repeat(130))).toBe("2 too many: at most 128 characters");
  });
});

describe("initialsOf", () => {
  it("takes first and last name, also from an address", () => {
    expect(["Mara Lindqvist", "Tomás Alves de Sá", "schedule", "jonas.weber", " "].map(initialsOf)).toEqual(["ML", "TS", "S", "JW", "?"]);
  });
});

describe("sparklinePoints", () => {
  it("spans the box from the oldest to the newest", () => {
    const points = sparklinePoints([5, 10, 0]);
    expect(points.map(({ x }) => x)).toEqual([0, 50, 100]);
    expect(points[1]?.y).toBeLessThan(points[0]?.y ?? 0);
    expect(points[2]?.y).toBeGreaterThan(points[0]?.y ?? 0);
  });

  it("draws a steady value in the middle", () => expect(new Set(sparklinePoints([7, 7, 7]).map(({ y }) => y))).toEqual(new Set([14])));
});
