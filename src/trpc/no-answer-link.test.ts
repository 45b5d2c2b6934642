import { TRPCClientError } from "@trpc/client";
import { expect, it } from "vitest";
import { withWords } from "@/trpc/no-answer-link";

it("says what a browser's own words do not: who does not answer, and what to do", () => {
  const error = withWords(TRPCClientError.from(new TypeError("Failed to fetch")));
  expect(error.message).toBe("The console does not answer");
  expect(error.data).toMatchObject({ app: "UNREACHABLE", detail: "Failed to fetch" });
  expect(error.data?.fix).toMatch(/runs/);
});

it("says so too when something in between answers in its place", () => {
  expect(withWords(TRPCClientError.from(new SyntaxError("Unexpected token '<'"))).message).toBe("The console does not answer");
});

it("leaves alone what the console said, and what was called off", () => {
  const data = { code: "NOT_FOUND", httpStatus: 404, app: "NOT_FOUND", fix: null, detail: null, retryAfterSeconds: null, requestId: null };
  const told = TRPCClientError.from({ error: { code: -32004, message: "There is no such backup", data } });
  expect(withWords(told as never)).toBe(told);
  const stopped = TRPCClientError.from(new DOMException("stopped", "AbortError"));
  expect(withWords(stopped)).toBe(stopped);
});
