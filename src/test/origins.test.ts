/** What another page can make a browser send, and what a stranger can: refused before anything happens. */
import { afterAll, describe, expect, test } from "vitest";
import { sqliteConsole } from "@/test/sqlite-console";

const shop = await sqliteConsole();
const trpcRoute = await import("@/app/api/trpc/[trpc]/route");
const restRoute = await import("@/app/api/admin/[...path]/route");
const { callers } = await import("@/test/callers");
const { controlPlane } = await import("@/server/control-plane/database");
const { request, sessions } = await callers();

afterAll(() => shop.remove());

const jobs = async () => (await controlPlane().selectFrom("jobs").select("id").execute()).length;

describe("C2, C3, C10: what another page can make a browser send", () => {
  const create = "/api/trpc/sqlite.backups.create";

  test("a mutation by GET is refused", async () => {
    const before = await jobs();
    const response = await trpcRoute.GET(request("admin", `${create}?input=%7B%7D`));
    expect(response.status).toBe(405);
    expect(await jobs()).toBe(before);
  });

  const wrong: [string, Record<string, string>][] = [
    ["another site", { "sec-fetch-site": "cross-site", origin: "https://evil.example" }],
    ["a sister site", { "sec-fetch-site": "same-site" }],
    ["a wrong origin", { origin: "https://evil.example" }],
    ["a null origin", { origin: "null" }],
    ["a look-alike origin", { origin: "http://127.0.0.1:3000.evil.example" }],
    ["without the console's header", { "x-console": "" }],
    ["a form", { "content-type": "application/x-www-form-urlencoded" }],
    ["a file upload", { "content-type": "multipart/form-data; boundary=x" }],
    ["plain text", { "content-type": "text/plain" }],
    ["text that looks like JSON's type", { "content-type": "text/plain; application/json" }],
  ];
  test.for(wrong)("%s is refused, on both faces", async ([, headers]) => {
    const before = await jobs();
    for (const [route, path] of [
      [trpcRoute, create],
      [restRoute, "/api/admin/sqlite/backups"],
    ] as const) {
      const asked = request("admin", path, { body: {}, headers });
      const response = await route.POST(asked);
      expect({ path, status: response.status }).toEqual({ path, status: 403 });
      expect(response.headers.get("cache-control")).toContain("no-store");
    }
    expect(await jobs()).toBe(before);
  });

  test("neither Sec-Fetch-Site nor Origin is refused for a change", async () => {
    const headers = new Headers(sessions.admin);
    headers.set("content-type", "application/json");
    headers.set("x-console", "1");
    const before = await jobs();
    expect((await trpcRoute.POST(new Request(`http://127.0.0.1:3000${create}`, { method: "POST", headers, body: "{}" }))).status).toBe(403);
    expect(await jobs()).toBe(before);
  });

  test("every answer says no-store, nosniff and a closed policy", async () => {
    const answers = [
      await trpcRoute.GET(request("admin", "/api/trpc/session.me?input=%7B%7D")),
      await trpcRoute.GET(request(null, "/api/trpc/session.me?input=%7B%7D")),
      await restRoute.GET(request("admin", "/api/admin/session")),
      await restRoute.GET(request(null, "/api/admin/session")),
      await restRoute.GET(request("admin", "/api/admin/no/such/path")),
      await restRoute.GET(request("admin", "/api/admin/openapi.json")),
    ];
    for (const response of answers) {
      expect(response.headers.get("cache-control"), response.url).toContain("no-store");
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    }
    expect(answers.map(({ status }) => status)).toEqual([200, 401, 200, 401, 404, 200]);
  });

  test("A16: a broken token is 401, and a session's cookie does not lend it its rights", async () => {
    for (const token of ["Bearer %%%", "Bearer ", "Bearer", "bearer x", `Bearer ${"x".repeat(300)}`, "Bearer \u00e9"]) {
      const headers = new Headers(sessions.admin);
      try {
        headers.set("authorization", token);
      } catch {
        continue;
      }
      const response = await restRoute.GET(new Request("http://127.0.0.1:3000/api/admin/session", { headers }));
      expect(response.status, token).toBe(401);
    }
  });

  test("M3: a body larger than 1 MiB or without end is cut", async () => {
    const large = await trpcRoute.POST(request("admin", create, { body: { idempotencyKey: "x".repeat(1024 * 1024) } }));
    expect(large.status).toBe(413);
    const deep = await trpcRoute.POST(request("admin", create, { body: `${"[".repeat(100_000)}${"]".repeat(100_000)}` }));
    expect(deep.status).toBe(400);
  });
});
