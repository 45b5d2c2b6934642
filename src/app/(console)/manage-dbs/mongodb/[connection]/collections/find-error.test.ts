import { expect, it } from "vitest";
import { findErrorOf } from "./find-error";

const find = { filter: "{a:", sort: "{b: 2}", projection: "" };
const invalid = (message: string) => ({ message, data: { app: "INVALID" } });

it("says which field was refused, and where", () => {
  expect(findErrorOf(invalid("The filter cannot be used: A value is expected here, the text ends (line 1, column 4)"), find)).toEqual({
    field: "filter",
    message: "A value is expected here, the text ends (line 1, column 4)",
    at: 3,
  });
});

it("takes a field's error without a place", () => {
  expect(findErrorOf(invalid('The projection leaves out or changes "b", which the sort needs'), find)).toEqual({
    field: "projection",
    message: 'Leaves out or changes "b", which the sort needs',
    at: null,
  });
});

it("leaves other errors alone", () => {
  expect(findErrorOf({ message: "The filter took too long", data: { app: "TIMEOUT" } }, find)).toBeNull();
  expect(findErrorOf(invalid("This document key is damaged"), find)).toBeNull();
});
