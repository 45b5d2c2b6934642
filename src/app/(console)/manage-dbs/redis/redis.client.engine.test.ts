import { createServer, type Server, type Socket } from "node:net";
import { inspect } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { AppError } from "@/server/errors";
import { testConnection } from "@/test/connections";
import { closeAll, openJobClient, redisClient } from "./redis.client";
import { asText } from "./redis.reply";
import { freePort, startRedis, type TestRedis } from "./redis.test-server";

let server: TestRedis;
beforeAll(async () => {
  server = await startRedis(["--user", ..."alice on >s3cr:et/@ ~app:* +@read +ping +select +client +info".split(" ")]);
});
afterAll(() => server.stop());
afterEach(() => closeAll());

const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error("did not fail")),
    (error: unknown) => {
      if (error instanceof AppError) return error;
      throw error;
    },
  );

describe("a client", () => {
  it("is shared by connection and logical database", async () => {
    expect(redisClient(server.connection, 3)).toBe(redisClient(server.connection, 3));
    expect(redisClient(server.connection, 3)).not.toBe(redisClient(server.connection, 4));
    await redisClient(server.connection, 3).send("SET", "where", "three");
    expect(await redisClient(server.connection, 4).send("GET", "where")).toBeNull();
    expect(asText(await redisClient(server.connection, 3).send("GET", "where"))).toBe("three");
  });

  it("is made anew when the connection changes", () => {
    const before = redisClient(server.connection);
    expect(redisClient({ ...server.connection, fingerprint: "other" })).not.toBe(before);
  });

  it("answers bytes, and an error in the place of the command that failed", async () => {
    const bytes = Buffer.from([0, 255, 13, 10, 128]);
    const replies = await redisClient(server.connection).run([
      ["SET", bytes, bytes],
      ["LPUSH", bytes, "x"],
      ["GET", bytes],
      ["STRLEN", bytes],
    ]);
    expect(replies[1]).toBeInstanceOf(Error);
    expect(replies[2]).toEqual(bytes);
    expect(replies[3]).toBe(5);
  });

  it("knows the server", async () => {
    const facts = await redisClient(server.connection).facts();
    expect(facts).toMatchObject({ isCluster: false, isReplica: false, evictionPolicy: "noeviction" });
    expect(facts.speaks[0]).toBeGreaterThanOrEqual(5);
  });

  it("says when the logical database does not exist", async () => {
    expect(await failure(redisClient(server.connection, 99).send("PING"))).toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("rights", () => {
  const as = (user: string, password: string) =>
    testConnection("redis", `redis://${user}:${password}@127.0.0.1:${server.port}`, { name: `as-${user}-${password.length}` });

  it("of an ACL user with an awkward password are what the server gives", async () => {
    const client = redisClient(as("alice", encodeURIComponent("s3cr:et/@")));
    expect(asText(await client.send("PING"))).toBe("PONG");
    expect(await failure(client.send("SET", "app:1", "x"))).toMatchObject({ code: "FORBIDDEN", detail: expect.stringContaining("NOPERM") });
  });

  it("are refused with a wrong password, which is in no text", async () => {
    const error = await failure(redisClient(as("alice", "wrong-password-here")).send("PING"));
    expect(error).toMatchObject({ code: "AUTH_FAILED" });
    expect(inspect(error, { depth: 10 })).not.toContain("wrong-password-here");
    expect(JSON.stringify([error, error.cause])).not.toContain("wrong-password-here");
  });

  it("need a password where the server asks for one; one too many does no harm", async () => {
    const locked = await startRedis(["--requirepass", "geheim"]);
    try {
      expect(await failure(redisClient(locked.connection).send("PING"))).toMatchObject({ code: "AUTH_FAILED", detail: expect.stringContaining("NOAUTH") });
      const open = testConnection("redis", `redis://:geheim@127.0.0.1:${locked.port}`, { name: "locked" });
      expect(asText(await redisClient(open).send("PING"))).toBe("PONG");
    } finally {
      await locked.stop();
    }
    const needless = testConnection("redis", `redis://:needless@127.0.0.1:${server.port}`, { name: "needless" });
    expect(asText(await redisClient(needless).send("PING"))).toBe("PONG");
  });
});

describe("a server that is away", () => {
  it("is said to be so at once, and found again by itself", async () => {
    const own = await startRedis();
    try {
      const client = redisClient(own.connection);
      await client.send("PING");
      own.process.kill("SIGKILL");
      const first = await failure(client.send("PING").then(() => client.send("PING")));
      expect(first.code).toBe("UNREACHABLE");
      // The first calls may still meet the end of the broken connection.
      await expect
        .poll(() => failure(client.send("PING")), { timeout: 5_000 })
        .toMatchObject({ code: "UNREACHABLE", message: `127.0.0.1:${own.port} refuses the connection` });
      await own.restart();
      expect(asText(await client.send("PING"))).toBe("PONG");
    } finally {
      await own.stop();
    }
  });

  it("is said to be so when its port or name is wrong, or it is no Redis", async () => {
    const port = await freePort();
    expect(await failure(redisClient(testConnection("redis", `redis://127.0.0.1:${port}`, { name: "nobody" })).send("PING"))).toMatchObject({
      code: "UNREACHABLE",
    });
    expect(await failure(redisClient(testConnection("redis", "redis://no-such-host.invalid:6379", { name: "nowhere" })).send("PING"))).toMatchObject({
      code: "UNREACHABLE",
    });
    expect(await failure(redisClient(testConnection("redis", `rediss://127.0.0.1:${server.port}`, { name: "no-tls" })).send("PING"))).toMatchObject({
      code: "UNREACHABLE",
    });
  });

  it("does not hang a call when it is silent", async () => {
    const silent = await listen((socket) => socket.resume());
    try {
      const connection = testConnection("redis", `redis://127.0.0.1:${silent.port}`, { name: "silent" });
      expect(await failure(redisClient(connection).send("PING"))).toMatchObject({ code: "TIMEOUT" });
      using job = openJobClient(connection, 0, { silenceMs: 300 });
      expect(await failure(job.send("PING"))).toMatchObject({ code: "TIMEOUT" });
    } finally {
      silent.server.close();
    }
  });

  it("ends what is under way when a job's client is closed", async () => {
    const own = await startRedis();
    try {
      const job = openJobClient(own.connection, 0);
      await job.send("PING");
      own.process.kill("SIGSTOP");
      const pending = failure(job.send("PING"));
      job.close();
      expect((await pending).code).toBe("UNREACHABLE");
    } finally {
      await own.stop();
    }
  });
});

async function listen(onSocket: (socket: Socket) => void): Promise<{ server: Server; port: number }> {
  const silent = createServer(onSocket);
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const address = silent.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server: silent, port: address.port };
}
