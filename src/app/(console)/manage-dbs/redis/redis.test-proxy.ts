/** A network for tests that keeps what was sent, lets go of who sent it, and delivers it later. */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface SlowProxy {
  port: number;
  /** From now on nothing of the connections that are open arrives; who sends on one of them loses it. New ones work. */
  hold(): void;
  /** Delivers what was kept. @returns bytes */
  release(): Promise<number>;
  stop(): Promise<void>;
}

export async function slowProxy(target: number): Promise<SlowProxy> {
  const pairs: { client: Socket; upstream: Socket; isHeld: boolean; kept: Buffer[] }[] = [];
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const pair = { client, upstream: connect(target, "127.0.0.1"), isHeld: false, kept: [] as Buffer[] };
    pairs.push(pair);
    client.on("data", (bytes) => {
      if (!pair.isHeld) return pair.upstream.write(bytes);
      pair.kept.push(bytes);
      return client.destroy();
    });
    pair.upstream.on("data", (bytes) => client.write(bytes));
    client.on("close", () => pair.isHeld || pair.upstream.destroy());
    pair.upstream.on("close", () => client.destroy());
    for (const socket of [client, pair.upstream]) socket.on("error", () => undefined);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    hold() {
      for (const pair of pairs) pair.isHeld = true;
    },
    async release() {
      const held = pairs.filter(({ isHeld }) => isHeld);
      const bytes = held.flatMap(({ kept }) => kept).reduce((sum, { length }) => sum + length, 0);
      for (const { upstream, kept } of held) {
        upstream.end(Buffer.concat(kept));
        if (!upstream.closed) await once(upstream, "close");
      }
      return bytes;
    },
    async stop() {
      for (const { client, upstream } of pairs) for (const socket of [client, upstream]) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** A network for tests that lets something happen when all of a transaction is queued, just before its EXEC arrives. */
export async function execProxy(target: number, beforeExec: () => Promise<void>): Promise<{ port: number; stop(): Promise<void> }> {
  const exec = Buffer.from("*1\r\n$4\r\nEXEC\r\n");
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(target, "127.0.0.1");
    let queued = 0;
    let sent = Promise.resolve();
    const forward = async (bytes: Buffer) => {
      if (!bytes.subarray(-exec.length).equals(exec)) return void upstream.write(bytes);
      queued = 0;
      const commands =
        bytes
          .toString("latin1")
          .split("\r\n")
          .filter((line) => line.startsWith("*")).length - 2;
      upstream.write(bytes.subarray(0, -exec.length));
      while (queued < commands) await once(upstream, "data");
      await beforeExec();
      upstream.write(exec);
    };
    client.on("data", (bytes) => {
      sent = sent.then(() => forward(bytes)).catch(() => void client.destroy());
    });
    upstream.on("data", (bytes) => {
      queued += bytes.toString("latin1").split("+QUEUED").length - 1;
      client.write(bytes);
    });
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    port: address.port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
