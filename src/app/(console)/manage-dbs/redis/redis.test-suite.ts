/** What the tests of a file begin with: servers of their own, a directory, and nothing of it left behind, whatever becomes of the tests. */
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { closeAll } from "./redis.client";
import { POINTS } from "./redis.swap-points";
import { testDir, type TestDir } from "./redis.test-artefact";
import { startRedis, type TestRedis } from "./redis.test-server";

export interface OneServer {
  server: TestRedis;
  dir: TestDir;
}

export interface TwoServers {
  source: TestRedis;
  target: TestRedis;
  dir: TestDir;
}

/** @param flush before each test */
export function startServer(ready: (started: OneServer) => void, { flush = false } = {}): void {
  start(1, { flush, ready: ([server], dir) => server && ready({ server, dir }) });
}

/** Both are empty before each test. */
export function startServers(ready: (started: TwoServers) => void): void {
  start(2, { flush: true, ready: ([source, target], dir) => source && target && ready({ source, target, dir }) });
}

function start(count: number, { flush, ready }: { flush: boolean; ready: (servers: TestRedis[], dir: TestDir) => void }): void {
  const servers: TestRedis[] = [];
  let dir: TestDir | null = null;
  beforeAll(async () => {
    dir = await testDir();
    await Promise.all(Array.from({ length: count }, async () => servers.push(await startRedis())));
    ready(servers, dir);
  });
  beforeEach(async () => {
    if (flush) await Promise.all(servers.map((server) => empty(server)));
  });
  afterEach(() => {
    POINTS.reached = null;
    closeAll();
  });
  afterAll(async () => {
    await Promise.all([...servers.map((server) => server.stop()), dir?.remove()]);
  });
}

async function empty(server: TestRedis): Promise<void> {
  const driver = server.driver();
  await driver.flushall();
  await driver.call("FUNCTION", "FLUSH");
}
