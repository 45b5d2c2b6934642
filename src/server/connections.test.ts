/** Connection URLs that are wrong or hostile: said in words, nothing of a password is shown, no option leads elsewhere. */
import { afterAll, describe, expect, test } from "vitest";
import { temporaryControlPlane } from "@/test/control-plane";

const plane = await temporaryControlPlane({ POSTGRES_ADMIN_URL: "postgres://admin:se/cret@db.example:5432/shop", REDIS_ADMIN_URL: "redis://127.0.0.1:6379" });
const { addressOf, getConnection, listConnections } = await import("@/server/connections");
const { addRestoredConnection, draftConnection } = await import("@/server/connection-changes");
const { buildConnection } = await import("@/server/connections");

afterAll(() => plane.remove());

const draft = (engine: "postgres" | "redis" | "mongodb", url: string) => () =>
  draftConnection({ engine, name: "x", environment: "staging", url, database: null, tlsCa: null });

test("one unreadable URL of the environment explains itself and leaves the others alone", async () => {
  const entries = await listConnections();
  const broken = entries.find(({ id }) => id === "postgres/main");
  expect(broken?.missing?.reason).toContain("PostgreSQL URL");
  expect(JSON.stringify(entries)).not.toMatch(/se\/?cret|cret@|admin:se/);
  expect(entries.find(({ id }) => id === "redis/main")).toMatchObject({ missing: null, address: "127.0.0.1:6379" });
  await expect(getConnection("postgres", "main")).rejects.toMatchObject({ code: "INVALID" });
});

describe("the address of a URL", () => {
  test("is its hosts alone", () => {
    expect(addressOf("postgres", "postgres://u:p@db:5432/x?sslmode=require")).toBe("db:5432");
    expect(addressOf("mongodb", "mongodb://u:p@a:1,b:2/x")).toBe("a:1,b:2");
    expect(addressOf("mongodb", "mongodb+srv://u:p@cluster.example/x")).toBe("cluster.example");
    expect(addressOf("redis", "redis://[::1]:6379")).toBe("[::1]:6379");
    expect(addressOf("redis", "redis://:p%40ss@h")).toBe("h");
    expect(addressOf("redis", "redis://u:p@ss@h:6379")).toBe("h:6379");
  });
  test.for(["postgres://u:12/34@h/db", "postgres://u:p#w@h/db", "postgres://u:p?w@h/db", "redis://u:p"])(
    "is refused where a password is not encoded: %s",
    (url) => expect(() => addressOf("redis", url)).toThrow(/URL/),
  );
});

describe("a connection", () => {
  test.for([
    ["postgres", "postgres://u:p@db:5432/x?%68ost=169.254.169.254"],
    ["postgres", "postgres://u:p@db:5432/x?sslmode=require&h%6Fst=/run/postgresql"],
    ["postgres", "postgres://u:p@db:5432/x?SSLROOTCERT=/etc/shadow"],
    ["mongodb", "mongodb://u:p@db/?tls%43AFile=/etc/passwd"],
    ["mongodb", "mongodb://u:p@db/?tlsCRLFile=/etc/passwd"],
    ["mongodb", "mongodb://db/?authMechanism=MONGODB-OIDC&authMechanismProperties=ENVIRONMENT:gcp,TOKEN_RESOURCE:x"],
  ] as const)("of %s is refused with an option in it: %s", ([engine, url]) => expect(draft(engine, url)).toThrow("option"));

  test.for([
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "METADATA.google.internal",
  ])("to %s is refused", (host) => {
    expect(draft("redis", `redis://${host}:6379`)).toThrow("not an address");
    expect(draft("redis", `redis://u:p@good@${host}:6379`)).toThrow("not an address");
    expect(draft("mongodb", `mongodb://db:27017,${host}:27017/`)).toThrow("not an address");
  });

  test("to a plain place is taken", () => {
    expect(draft("postgres", "postgres://u:p@10.0.0.5:5432/x?sslmode=verify-full&application_name=host%3Dx")()).toMatchObject({ address: "10.0.0.5:5432" });
    expect(draft("mongodb", "mongodb://u:p@a:1,b:2/?replicaSet=rs0")()).toMatchObject({ address: "a:1,b:2" });
  });
});

test("what was restored is registered whatever options its origin's URL has", async () => {
  const origin = buildConnection({
    engine: "postgres",
    name: "main",
    environment: "production",
    source: "environment",
    url: "postgres://u:p@localhost/shop?host=/run/postgresql",
    database: null,
    tlsCa: null,
    address: "localhost",
  });
  const name = await addRestoredConnection({
    origin,
    createdBy: "test",
    url: "postgres://u:p@localhost/shop_copy?host=/run/postgresql",
    database: null,
    target: "shop_copy",
  });
  expect(await getConnection("postgres", name)).toMatchObject({ address: "localhost", environment: "production" });
});
