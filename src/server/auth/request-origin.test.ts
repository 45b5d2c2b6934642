import { afterAll, describe, expect, it } from "vitest";
import { checkRequestOrigin, isOwnOrigin } from "@/server/auth/request-origin";
import { temporaryControlPlane } from "@/test/control-plane";

const plane = await temporaryControlPlane({ CONSOLE_URL: "https://console.foundry.example/" });
afterAll(plane.remove);

const good = { host: "127.0.0.1:3000", "content-type": "application/json", "x-console": "1", origin: "http://127.0.0.1:3000", "sec-fetch-site": "same-origin" };
const check = (change: Record<string, string | undefined>, method = "POST") => {
  const headers = Object.entries({ ...good, ...change }).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return checkRequestOrigin(new Request("http://127.0.0.1:3000/api/trpc/x", { method, headers }))?.code ?? "passes";
};

describe("checkRequestOrigin", () => {
  it("lets the console's own pages through", () => {
    expect(check({})).toBe("passes");
    expect(check({ "content-type": "application/json; charset=utf-8" })).toBe("passes");
    expect(check({ origin: undefined })).toBe("passes");
    expect(check({ "sec-fetch-site": undefined })).toBe("passes");
    expect(check({ host: "console.foundry.example", origin: "https://console.foundry.example" })).toBe("passes");
    expect(check({ host: "inner:3000", origin: "https://console.foundry.example" })).toBe("passes");
    expect(check({ host: "localhost:3000", origin: "http://localhost:3000" })).toBe("passes");
  });

  it.each([
    ["C1 urlencoded", { "content-type": "application/x-www-form-urlencoded" }],
    ["C1 multipart", { "content-type": "multipart/form-data; boundary=x" }],
    ["C1 text", { "content-type": "text/plain" }],
    ["C1 no type", { "content-type": undefined }],
    ["no header of ours", { "x-console": undefined }],
    ["another value", { "x-console": "true" }],
    ["C3 cross-site", { "sec-fetch-site": "cross-site" }],
    ["C3 same-site", { "sec-fetch-site": "same-site" }],
    ["C3 none", { "sec-fetch-site": "none" }],
    ["C3 another origin", { origin: "https://evil.example" }],
    ["C3 another port", { origin: "http://127.0.0.1:4000" }],
    ["C3 null origin", { origin: "null" }],
    ["C3 another name for this machine", { host: "evil.example:3000", origin: "http://evil.example:3000" }],
    ["C3 name that begins alike", { host: "localhost.evil.example", origin: "http://localhost.evil.example" }],
    ["C3 neither", { origin: undefined, "sec-fetch-site": undefined }],
    ["a token beside a cookie", { authorization: "Bearer x", cookie: "__Host-sid=x", origin: "https://evil.example" }],
    ["another scheme", { authorization: "Basic x", origin: "https://evil.example" }],
  ])("refuses: %s", (_, change) => {
    expect(check(change)).toBe("FORBIDDEN");
  });

  it("C2: refuses other methods, and reading through another site's page", () => {
    for (const method of ["PUT", "PATCH"]) expect(check({}, method)).toBe("FORBIDDEN");
    expect(check({ "content-type": undefined }, "DELETE")).toBe("passes");
    expect(check({ "x-console": undefined }, "DELETE")).toBe("FORBIDDEN");
    expect(check({ "x-console": undefined, origin: undefined, "sec-fetch-site": "none" }, "GET")).toBe("passes");
    for (const site of ["cross-site", "same-site"]) expect(check({ "sec-fetch-site": site }, "GET")).toBe("FORBIDDEN");
  });

  it("lets a token without a cookie through", () => {
    expect(check({ authorization: "Bearer x", origin: undefined, "sec-fetch-site": undefined, "x-console": undefined, "content-type": undefined })).toBe(
      "passes",
    );
  });
});

it("knows its own origins", () => {
  expect(isOwnOrigin("http://[::1]:3000", "[::1]:3000")).toBe(true);
  expect(isOwnOrigin("http://127.0.0.1.evil.example", "127.0.0.1.evil.example")).toBe(false);
  expect(isOwnOrigin("http://console.foundry.example", null)).toBe(false);
});
