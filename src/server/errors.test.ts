import { expect, it, vi } from "vitest";
import { AppError } from "@/server/errors";

it("knows an error that another bundle of the console made: a pool on globalThis may be older than the caller", async () => {
  vi.resetModules();
  const other = await import("@/server/errors");
  expect(other.AppError).not.toBe(AppError);
  expect(new other.AppError("UNREACHABLE", "db1:6379 refuses the connection")).toBeInstanceOf(AppError);
  expect(new Error("db1:6379 refuses the connection")).not.toBeInstanceOf(AppError);
  expect({ code: "UNREACHABLE" }).not.toBeInstanceOf(AppError);
});

it("is an error of its own kind only for itself", () => {
  class Narrow extends AppError {}
  expect(new Narrow("INVALID", "x")).toBeInstanceOf(AppError);
  expect(new Narrow("INVALID", "x")).toBeInstanceOf(Narrow);
  expect(new AppError("INVALID", "x")).not.toBeInstanceOf(Narrow);
});
