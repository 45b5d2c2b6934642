/** A relay between the driver and a server that can go away at a chosen command: before the server gets it, or after it was done and before it is answered. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** Commands that change something: the places where dying matters. An update only counts steps, so that a server writes them to its disk. */
const CHANGES = new Set(["create", "insert", "createIndexes", "renameCollection", "drop", "collMod"]);
const OP_MSG = 2013;
const HEADER_BYTES = 16;

export interface CuttingProxy {
  url: string;
  /** Names of the changing commands that passed, in order. */
  passed: string[];
  /** Goes away at the n-th changing command from now, counted from 1. */
  cutAt(point: { number: number; when: "before" | "after" }): void;
  /** Runs something before the n-th changing command from now goes on; that it has not gone on yet is certain. */
  interruptAt(point: { number: number; run: () => Promise<void> | void }): void;
  /** Sees every command before it goes on, and may change its bytes. */
  alter: ((command: string, message: Buffer) => Promise<void> | void) | null;
  isGone(): boolean;
  close(): void;
}

export async function cuttingProxy(serverUrl: string): Promise<CuttingProxy> {
  const { hostname, port } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const state = { left: Infinity, when: "before", isGone: false };
  const interrupt: { left: number; run: () => Promise<void> | void } = { left: Infinity, run: () => undefined };
  const passed: string[] = [];
  const goAway = (): void => {
    state.isGone = true;
    for (const socket of sockets) socket.destroy();
  };
  const server = createServer((socket) => {
    if (state.isGone) return void socket.destroy();
    const onward = connect(Number(port), hostname);
    let awaitsLastAnswer = false;
    for (const end of [socket, onward]) {
      sockets.add(end);
      end.on("error", () => undefined).on("close", () => (end === socket ? onward : socket).destroy());
    }
    onward.on("data", (data: Buffer) => (awaitsLastAnswer ? goAway() : socket.write(data)));
    const pass = async (message: Buffer): Promise<void> => {
      const command = commandOf(message);
      await proxy.alter?.(command, message);
      if (CHANGES.has(command)) {
        if (--interrupt.left === 0) await interrupt.run();
        if (--state.left === 0) {
          if (state.when === "before") return goAway();
          awaitsLastAnswer = true;
        }
        passed.push(command);
      }
      onward.write(message);
    };
    let pending = Buffer.alloc(0);
    let passing = Promise.resolve();
    socket.on("data", (data: Buffer) => {
      pending = Buffer.concat([pending, data]);
      while (pending.length >= HEADER_BYTES && pending.length >= pending.readInt32LE(0)) {
        const message = pending.subarray(0, pending.readInt32LE(0));
        pending = pending.subarray(message.length);
        passing = passing.then(() => pass(message));
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: CuttingProxy = {
    url: `mongodb://127.0.0.1:${(server.address() as AddressInfo).port}/?directConnection=true`,
    passed,
    alter: null,
    cutAt: ({ number, when }) => void Object.assign(state, { left: number, when }),
    interruptAt: ({ number, run }) => void Object.assign(interrupt, { left: number, run }),
    isGone: () => state.isGone,
    close() {
      goAway();
      server.close();
    },
  };
  return proxy;
}

/** The first name in the first document of the message; sections of documents may stand before it. */
function commandOf(message: Buffer): string {
  if (message.readInt32LE(12) !== OP_MSG) return "";
  let position = HEADER_BYTES + 4;
  while (message[position] === 1) position += 1 + message.readInt32LE(position + 1);
  const start = position + 1 + 4 + 1;
  return message.toString("latin1", start, message.indexOf(0, start));
}
