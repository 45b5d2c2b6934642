/** A2: every route under src/app, read from the file system, shuts out who is not signed in; a new one is shut until it is listed as open. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { Client, rest, sessionCookie, signedIn } from "./client.ts";
import { root, target } from "../support/target.ts";

/** Open to everybody, and nothing else. The set-up page is gone once there is an admin (A19). */
const OPEN_PAGES: Record<string, number> = { "/sign-in": 200, "/set-up": 404 };
const OPEN_HANDLERS = ["/api/health", "/api/auth/[...nextauth]"];

const app = join(root, "src", "app");
const files = readdirSync(app, { recursive: true }).map((file) => `/${String(file).replaceAll("\\", "/")}`);
const routeOf = (file: string): string => file.replace(/\/(page\.tsx|route\.ts)$/, "").replaceAll(/\/\([^)]+\)/g, "") || "/";
const pages = files.filter((file) => file.endsWith("/page.tsx")).map(routeOf);
const handlers = files.filter((file) => file.endsWith("/route.ts")).map(routeOf);
/** A real address of the route. */
const SAMPLE: Record<string, string> = {
  "[connection]": "main",
  "[engine]": "sqlite",
  "[job]": "0123456789ab",
  "[backup]": "sq-main-20260101-0000-abcdef",
  "[ticket]": "x",
};
const addressOf = (route: string): string => route.replaceAll(/\[[^\]]+\]/g, (part) => SAMPLE[part] ?? "session");

test("there are pages and handlers to look at", () => {
  expect(pages.length).toBeGreaterThan(20);
  expect(handlers).toContain("/api/trpc/[trpc]");
  for (const open of Object.keys(OPEN_PAGES)) expect(pages).toContain(open);
  for (const open of OPEN_HANDLERS) expect(handlers).toContain(open);
});

for (const route of pages) {
  test(`page ${route}`, async () => {
    const address = addressOf(route);
    const status = OPEN_PAGES[route];
    const stranger = await new Client().ask(address);
    if (status !== undefined) {
      expect(stranger.status).toBe(status);
      return;
    }
    const wanted = address === "/" ? "/sign-in" : `/sign-in?next=${encodeURIComponent(address)}`;
    expect(stranger.status).toBe(307);
    expect(stranger.headers.get("location")).toBe(wanted);
    // A cookie that only looks like a session gets past the proxy, and no further.
    const forger = new Client();
    forger.cookies.set(sessionCookie, "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..forged.forged.forged");
    const forged = await forger.ask(address);
    const body = await forged.text();
    // A streamed page answers 200 and tells the browser to go; nothing of the page may be in it.
    expect([200, 307]).toContain(forged.status);
    expect(`${forged.headers.get("location") ?? ""}${body}`).toContain("/sign-in?next=");
    expect(body).not.toContain("Make the rail wide");
    expect(body).not.toContain(target.email);
  });
}

for (const route of handlers.filter((candidate) => !OPEN_HANDLERS.includes(candidate))) {
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    test(`${method} ${route}`, async () => {
      const response = await new Client().ask(addressOf(route), { method, ...(method === "GET" ? {} : { body: {} }) });
      expect([401, 403, 404, 405]).toContain(response.status);
      // The upload takes a POST and nothing else; its GET is no route.
      const own = route.endsWith("/upload") ? "POST" : "GET";
      if (method === own && !route.includes("trpc")) expect(response.status).toBe(401);
      expect((await response.text()).length).toBeLessThan(2_000);
    });
  }
}

test("the health route says that it is up and nothing else", async () => {
  const response = await new Client().ask("/api/health");
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: "up" });
});

test("under /api/auth is nothing but what signing in needs", async () => {
  for (const path of ["providers", "signin", "signin/credentials", "callback", "error", "verify-request", "_log", "csrf/x", "session/x"]) {
    const response = await new Client().ask(`/api/auth/${path}`);
    expect({ path, status: response.status }).toEqual({ path, status: 404 });
  }
  expect(await (await new Client().ask("/api/auth/session")).json()).toEqual({ signedIn: false });
  expect(await (await (await signedIn()).ask("/api/auth/session")).json()).toEqual({ signedIn: true });
});

interface OpenApi {
  openapi: string;
  paths: Record<string, Record<string, { parameters?: { name: string; in: string; required?: boolean }[] }>>;
}

test("every operation of the REST face is 401 without a session, as a problem", async () => {
  const document = await rest<OpenApi>("GET", "/openapi.json");
  let operations = 0;
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const method of Object.keys(methods)) {
      operations += 1;
      const address = `/api/admin${path.replaceAll(/\{\w+\}/g, "x")}`;
      const response = await fetch(`${target.baseURL}${address}`, {
        method: method.toUpperCase(),
        headers: { authorization: `Bearer ${"x".repeat(40)}`, "content-type": "application/json" },
        ...(["post", "put", "patch"].includes(method) ? { body: "{}" } : {}),
      });
      expect({ method, path, status: response.status }).toEqual({ method, path, status: 401 });
      expect(response.headers.get("content-type")).toContain("application/problem+json");
      expect(await response.json()).toMatchObject({ type: "about:blank", status: 401, code: "UNAUTHENTICATED" });
    }
  }
  expect(operations).toBeGreaterThan(50);
});

test("the OpenAPI document holds the original paths", async () => {
  const { openapi, paths } = await rest<OpenApi>("GET", "/openapi.json");
  expect(openapi).toMatch(/^3\.1/);
  const tables = (engine: string): [string, string][] => [
    ["get", `/${engine}/info`],
    ["get", `/${engine}/tables`],
    ["get", `/${engine}/tables/{name}/schema`],
    ["get", `/${engine}/tables/{name}/rows`],
    ["get", `/${engine}/tables/{name}/export`],
  ];
  const backups = (engine: string): [string, string][] => [
    ["get", `/${engine}/backups`],
    ["post", `/${engine}/backups`],
    ["get", `/${engine}/backups/{id}/download`],
    ["post", `/${engine}/backups/{id}/restore`],
  ];
  const original: [string, string][] = [
    ...tables("sqlite"),
    ...tables("postgres"),
    ["get", "/redis/info"],
    ["get", "/redis/keys"],
    ["get", "/redis/popular"],
    ["get", "/redis/keys/{key}"],
    ["delete", "/redis/keys/{key}"],
    ["get", "/mongodb/info"],
    ["get", "/mongodb/collections"],
    ["get", "/mongodb/collections/{collection}/schema"],
    ["get", "/mongodb/collections/{collection}/documents"],
    ["get", "/mongodb/collections/{collection}/export"],
    ...["sqlite", "redis", "postgres", "mongodb"].flatMap(backups),
  ];
  for (const [method, path] of original) {
    expect(paths[path]?.[method], `${method} ${path}`).toBeDefined();
    if (path.startsWith("/sqlite") && method === "get") expect(paths[path]?.[method]?.parameters?.map(({ name }) => name)).toContain("connection");
  }
  // Every {part} of a path is a required parameter of it.
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      for (const [, part] of path.matchAll(/\{(\w+)\}/g)) {
        expect(
          operation.parameters?.find(({ name }) => name === part),
          `${method} ${path}: ${part}`,
        ).toMatchObject({ in: "path", required: true });
      }
    }
  }
});

test("errors are problems, with no stack, no path and no SQL", async () => {
  const asked: [string, number][] = [
    ["/api/admin/no/such/path", 404],
    ["/api/admin/sqlite/tables/no%20such%20table/rows", 404],
    ["/api/admin/sqlite/tables/books/rows?limit=0", 400],
    ["/api/admin/sqlite/tables/books/rows?filters=%7Bbad", 400],
    ["/api/admin/sqlite/info?connection=nowhere", 404],
    ["/api/admin/sqlite/backups/absent", 404],
    ["/api/admin/jobs/absent", 404],
  ];
  for (const [path, status] of asked) {
    const response = await fetch(`${target.baseURL}${path}`, { headers: { authorization: `Bearer ${target.token}` } });
    const text = await response.text();
    expect({ path, status: response.status }).toEqual({ path, status });
    expect(response.headers.get("content-type"), path).toContain("application/problem+json");
    expect(JSON.parse(text), path).toMatchObject({ type: "about:blank", status, title: expect.any(String) });
    expect(text, path).not.toMatch(/node_modules|\.ts:\d|at \w+ \(|SELECT /);
  }
});
