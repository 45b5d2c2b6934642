import { MongoNetworkError, MongoServerError } from "mongodb";
import { describe, expect, it } from "vitest";

import { toAppError } from "@/app/(console)/manage-dbs/mongodb/mongodb.errors";
import { AppError } from "@/server/errors";

const place = { address: "db1:27017", doing: "orders: read documents" };
const server = (code: number, message: string, codeName = "") => new MongoServerError({ message, code, codeName });

describe("errors", () => {
  it.each([
    [18, "AUTH_FAILED"],
    [13, "FORBIDDEN"],
    [26, "NOT_FOUND"],
    [50, "TIMEOUT"],
    [59, "UNSUPPORTED"],
    [292, "LIMIT_EXCEEDED"],
    [11000, "CONFLICT"],
    [43, "CONFLICT"],
    [424242, "INVALID"],
  ])("server code %i is %s", (code, expected) => {
    const error = toAppError(server(code, "words of the server", "Name"), place);
    expect(error).toMatchObject({ code: expected, detail: `${code} Name: words of the server` });
    expect(error.message).toContain("orders: read documents: db1:27017");
    expect(error.fix).toBeTruthy();
  });

  it("never passes on a URL", () => {
    const text = "cannot connect to mongodb+srv://admin:s3cret@db1/?x=1 today";
    for (const thrown of [server(1, text), new MongoNetworkError(text), new Error(text)]) {
      const { message, detail, fix } = toAppError(thrown, place);
      expect(`${message} ${detail} ${fix}`).not.toContain("s3cret");
    }
  });

  it("knows lost connections, time-outs and cancellations", () => {
    expect(toAppError(Object.assign(new Error("x"), { code: "EPIPE" }), place)).toMatchObject({ code: "UNREACHABLE", detail: "EPIPE" });
    expect(toAppError(new DOMException("x", "TimeoutError"), place)).toMatchObject({ code: "TIMEOUT" });
    expect(toAppError(new DOMException("x", "AbortError"), place)).toMatchObject({ code: "CANCELLED" });
    const own = new AppError("READ_ONLY", "as it is");
    expect(toAppError(own, place)).toBe(own);
  });
});
