import { describe, expect, it } from "vitest";
import { isGlob, patternOf, readPattern, shownName } from "./key-names";

const base64 = (text: string): string => Buffer.from(text, "latin1").toString("base64");

describe("readPattern", () => {
  it("leaves a glob as it was typed", () => {
    expect(readPattern("session:*:[ab]\\*")).toEqual({ pattern: "session:*:[ab]\\*", patternEncoding: "utf8" });
  });
  it("reads \\xff as that byte", () => {
    expect(readPattern("key:\\xff*")).toEqual({ pattern: base64("key:\xff*"), patternEncoding: "base64" });
  });
  it("takes an escaped byte for itself, also when it is a sign of globs", () => {
    expect(readPattern("\\x2a\\xff")).toEqual({ pattern: base64("\\*\xff"), patternEncoding: "base64" });
  });
  it("keeps a doubled backslash before an x", () => {
    expect(readPattern("\\\\x41\\xff")).toEqual({ pattern: base64("\\\\x41\xff"), patternEncoding: "base64" });
  });
  it("keeps letters of more than one byte", () => {
    expect(readPattern("é\\xff")).toEqual({ pattern: base64("\xc3\xa9\xff"), patternEncoding: "base64" });
  });
});

it("patternOf escapes what a glob would read", () => {
  expect(patternOf({ text: "awkward:*?[a-z]\\" })).toEqual({ pattern: "awkward:\\*\\?\\[a-z\\]\\\\", patternEncoding: "utf8" });
  expect(patternOf({ base64: base64("\xff*") })).toEqual({ pattern: base64("\xff\\*"), patternEncoding: "base64" });
});

it("isGlob knows names from patterns", () => {
  expect(isGlob("book:1")).toBe(false);
  expect(isGlob("key:\\xff")).toBe(false);
  expect(isGlob("book:*")).toBe(true);
});

it("shownName never shows a replacement character", () => {
  expect(shownName({ base64: base64("\x89PNG") })).toBe("\\x89PNG");
  expect(shownName({ text: "a\nb" })).toBe("a\\x0ab");
  expect(shownName({ text: "עברית 📚" })).toBe("עברית 📚");
});
