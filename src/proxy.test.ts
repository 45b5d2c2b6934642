import { NextRequest } from "next/server";
import { afterAll, describe, expect, it } from "vitest";
import { config, proxy } from "@/proxy";
import { API_HEADERS, SECURITY_HEADERS } from "@/server/auth/security-headers";
import nextConfig from "../next.config.mjs";
import { temporaryControlPlane, useSettings } from "@/test/control-plane";

const plane = await temporaryControlPlane();
afterAll(plane.remove);

const ask = (path: string, headers: Record<string, string> = {}) => proxy(new NextRequest(`http://127.0.0.1:3000${path}`, { headers }));
const cookie = { cookie: "__Host-sid=x" };
/** What Next hands on to the page. */
const handedOn = (response: Response, name: string) => response.headers.get(`x-middleware-request-${name}`);

describe("headers", () => {
  it("C5: a policy with a new nonce each time, without unsafe-inline or eval", () => {
    const [first, second] = [ask("/", cookie), ask("/", cookie)];
    const policy = first.headers.get("content-security-policy") ?? "";
    const nonce = handedOn(first, "x-nonce") ?? "";
    expect(nonce).toMatch(/^[A-Za-z0-9+/]{24}$/);
    expect(handedOn(second, "x-nonce")).not.toBe(nonce);
    expect(policy).toContain(`script-src 'nonce-${nonce}' 'strict-dynamic';`);
    expect(policy).toContain(`style-src 'self' 'nonce-${nonce}';`);
    for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "object-src 'none'"])
      expect(policy).toContain(part);
    expect(policy).not.toMatch(/unsafe|\*|http:/);
    expect(handedOn(first, "content-security-policy")).toBe(policy);
  });

  it.each(["/", "/sign-in", "/_next/image?url=x"])("all others, on %s too", (path) => {
    const { headers } = ask(path);
    expect(
      Object.fromEntries(
        ["x-frame-options", "x-content-type-options", "referrer-policy", "cross-origin-opener-policy", "cross-origin-resource-policy", "cache-control"].map(
          (name) => [name, headers.get(name)],
        ),
      ),
    ).toEqual({
      "x-frame-options": "DENY",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "no-store",
    });
    expect(headers.get("permissions-policy")).toContain("camera=()");
    expect(headers.get("strict-transport-security")).toBeNull();
  });

  it("HSTS when the console is opened over https", async () => {
    await useSettings({ CONSOLE_URL: "https://console.foundry.example" });
    expect(ask("/", cookie).headers.get("strict-transport-security")).toBe("max-age=31536000; includeSubDomains");
    await useSettings({});
  });
});

it("next.config.mjs serves the same constant headers", async () => {
  const [all, api] = (await nextConfig.headers?.()) ?? [];
  const asRecord = (entry: typeof all) => Object.fromEntries((entry?.headers ?? []).map(({ key, value }) => [key, value]));
  expect(asRecord(all)).toEqual(SECURITY_HEADERS);
  expect({ ...SECURITY_HEADERS, ...asRecord(api) }).toEqual(API_HEADERS);
});

describe("ways", () => {
  it("sends people without a cookie to sign in, and back to where they wanted", () => {
    const response = ask("/manage-dbs/redis/main/keys?pattern=a%26b");
    expect(response.status).toBe(307);
    expect(response.headers.get("location")).toMatch(/\/sign-in\?next=%2Fmanage-dbs%2Fredis%2Fmain%2Fkeys%3Fpattern%3Da%2526b$/);
    expect(ask("/").headers.get("location")).toMatch(/:3000\/sign-in$/);
    for (const path of ["/sign-in?next=/x", "/set-up?token=x"]) expect(ask(path).headers.get("location")).toBeNull();
    for (const path of ["/sign-in/x", "/set-upx", "/Sign-In", "/users"]) expect(ask(path).status).toBe(307);
  });

  it("A17: no header opens a page or reaches it", () => {
    const tricks = {
      "x-middleware-subrequest": "src/proxy:src/proxy:src/proxy:src/proxy:src/proxy",
      "x-now-route-matches": "1=x",
      "x-middleware-rewrite": "/users",
      rsc: "1",
      "next-router-prefetch": "1",
      purpose: "prefetch",
    };
    expect(ask("/users", tricks).status).toBe(307);
    const through = ask("/users", { ...tricks, ...cookie, "x-nonce": "mine", "x-console-path": "//evil" });
    for (const name of ["x-middleware-subrequest", "x-now-route-matches", "x-middleware-rewrite"]) expect(handedOn(through, name)).toBeNull();
    expect(handedOn(through, "x-nonce")).not.toBe("mine");
    expect(handedOn(through, "x-console-path")).toBe("/users");
  });

  it("C11: there is no image optimiser", () => {
    for (const path of ["/_next/image?url=http://169.254.169.254/", "/_next/image"]) expect(ask(path, cookie).status).toBe(404);
  });

  it("passes by what is under /api, whose bodies it would cut, and by static files", () => {
    const matcher = new RegExp(`^${config.matcher[0]}$`);
    for (const path of ["/", "/users", "/sign-in", "/_next/image", "/apiary", "/manage-dbs/redis"]) expect(matcher.test(path)).toBe(true);
    for (const path of ["/api/trpc/x", "/api/files/x", "/_next/static/chunks/x.js"]) expect(matcher.test(path)).toBe(false);
  });
});
