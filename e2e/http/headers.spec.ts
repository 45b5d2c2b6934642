/** C4 to C6, C10, C11, K4, K6, J3: what every answer says about itself, and what is not served at all. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { Client, rest, signedIn } from "./client.ts";
import { root, target } from "../support/target.ts";

const PAGES = ["/", "/manage-dbs/sqlite/main", "/manage-dbs/postgres/main/tables", "/backups", "/jobs", "/audit", "/users", "/settings/connections"];
/** Next's development server needs eval, inline styles and source maps. */
const isDevelopment = async () => ((await new Client().ask("/sign-in")).headers.get("content-security-policy") ?? "").includes("unsafe-eval");

test("C5: pages have a closed policy with a nonce that is never the same", async () => {
  const client = await signedIn();
  const nonces = new Set<string>();
  const development = await isDevelopment();
  for (const path of ["/sign-in", ...PAGES, ...PAGES]) {
    const response = await client.ask(path);
    const policy = response.headers.get("content-security-policy") ?? "";
    const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? "";
    expect(nonce.length, path).toBeGreaterThan(20);
    expect(nonces.has(nonce), path).toBe(false);
    nonces.add(nonce);
    for (const part of ["default-src 'none'", "'strict-dynamic'", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'", "object-src 'none'"])
      expect(policy, path).toContain(part);
    if (!development) expect(policy, path).not.toMatch(/unsafe-inline|unsafe-eval|https?:|\*/);
    const html = await response.text();
    expect(html, path).not.toMatch(/<script(?![^>]*\bnonce=)[^>]*>/);
    const markup = html.replaceAll(/<script[\s\S]*?<\/script>/g, "");
    if (!development) expect(markup, path).not.toMatch(/\sstyle="/);
    expect(markup, path).not.toMatch(/<[a-z][^<>]*\son[a-z]+="/i);
  }
});

test("C10 and the rest: pages and data are not kept, not framed, not sniffed", async () => {
  const client = await signedIn();
  for (const path of [
    ...PAGES,
    "/sign-in",
    "/api/trpc/session.me?input=%7B%7D",
    "/api/admin/session",
    "/api/admin/openapi.json",
    "/api/auth/csrf",
    "/api/health",
    "/api/files/x",
    "/no/such/page",
  ]) {
    const { headers } = await client.ask(path);
    expect(headers.get("cache-control"), path).toContain("no-store");
    expect(headers.get("x-content-type-options"), path).toBe("nosniff");
    expect(headers.get("x-frame-options"), path).toBe("DENY");
    expect(headers.get("referrer-policy"), path).toBe("no-referrer");
    expect(headers.get("cross-origin-opener-policy"), path).toBe("same-origin");
    expect(headers.get("cross-origin-resource-policy"), path).toBe("same-origin");
    expect(headers.get("permissions-policy"), path).toContain("camera=()");
    expect(headers.get("x-powered-by"), path).toBeNull();
    expect(headers.get("access-control-allow-origin"), path).toBeNull();
  }
});

test("C11: there is no image optimizer to send somewhere", async () => {
  const client = await signedIn();
  for (const url of ["/icon.svg", "http://127.0.0.1:1/", "http://169.254.169.254/latest/meta-data", "//evil.example/x.png"]) {
    expect((await client.ask(`/_next/image?url=${encodeURIComponent(url)}&w=64&q=75`)).status, url).toBe(404);
  }
});

test("K6: neither source maps nor the server's code are served", async () => {
  test.skip(await isDevelopment(), "the development server serves source maps to its own tools");
  const build = join(root, process.env["NEXT_DIST_DIR"] || ".next");
  const chunks = readdirSync(join(build, "static"), { recursive: true }).map(String);
  expect(chunks.filter((name) => name.endsWith(".map"))).toEqual([]);
  const script = chunks.find((name) => name.endsWith(".js") && statSync(join(build, "static", name)).isFile()) ?? "";
  expect((await new Client().ask(`/_next/static/${script}`)).status).toBe(200);
  for (const path of [
    `/_next/static/${script}.map`,
    "/_next/server/app/page.js",
    "/.env",
    "/package.json",
    "/src/env.ts",
    "/_next/../package.json",
    "/_next/static/..%2f..%2fserver%2fapp%2fpage.js",
    "/.data/control-plane.sqlite",
  ]) {
    const response = await new Client().ask(path);
    expect([307, 400, 404], path).toContain(response.status);
    expect(await response.text(), path).not.toMatch(/"dependencies"|ADMIN_PASSWORD|process\.env/);
  }
});

test("N3: no setting, secret or server-only name is in what the browser gets", async () => {
  test.skip(await isDevelopment(), "only the build is looked at");
  const { readFileSync } = await import("node:fs");
  const folder = join(root, process.env["NEXT_DIST_DIR"] || ".next", "static");
  for (const name of readdirSync(folder, { recursive: true }).map(String)) {
    if (!name.endsWith(".js")) continue;
    const text = readFileSync(join(folder, name), "utf8");
    for (const secret of [target.token, target.password, "ENCRYPTION_KEY", "AUTH_SECRET", "better-sqlite3", "password_hash"])
      expect(text.includes(secret), `${name} holds ${secret.slice(0, 6)}`).toBe(false);
  }
});

test("J3: a download is an attachment with a plain name", async () => {
  const client = await signedIn();
  const { tables } = await rest<{ tables: { name: string }[] }>("GET", "/sqlite/tables");
  const odd = tables.find(({ name }) => name.startsWith("<img"))?.name ?? "";
  expect(odd).not.toBe("");
  const asked = await client.ask(`/api/admin/sqlite/tables/${encodeURIComponent(odd)}/export?format=csv`);
  expect(asked.status).toBe(303);
  const response = await client.ask(asked.headers.get("location") ?? "");
  expect(response.status).toBe(200);
  expect(response.headers.get("content-disposition")).toMatch(/^attachment; filename="[A-Za-z0-9._-]+"; filename\*=UTF-8''[A-Za-z0-9._~%()!*'-]+$/);
  expect(response.headers.get("content-security-policy")).toMatch(/default-src 'none';.*\bsandbox/);
  expect(response.headers.get("x-content-type-options")).toBe("nosniff");
  expect(await response.text()).toContain(odd);
});

test("B3: a batch of two hundred is refused", async () => {
  const client = await signedIn();
  const paths = Array.from({ length: 200 }, () => "session.me").join(",");
  expect((await client.ask(`/api/trpc/${paths}?batch=1&input=%7B%7D`)).status).toBe(400);
});
