import "server-only";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, ClientBase } from "pg";
import type { PostgresTarget } from "@/app/(console)/manage-dbs/postgres/postgres.target";

const CANCEL_GRACE_MS = 1_000;

/** Opens a second session, within so many milliseconds. */
export type CancelConnect = (timeoutMs: number) => Promise<Client>;

/** Watches a signal for the time of one piece of work. Returns a function that ends the watch. */
export function cancelOnAbort(options: { client: ClientBase; target: PostgresTarget; signal: AbortSignal | undefined; connect: CancelConnect }): () => void {
  const { signal } = options;
  if (!signal) return () => undefined;
  let done = false;
  const onAbort = (): void => {
    void cancelNow(options, () => done);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  return () => {
    done = true;
    signal.removeEventListener("abort", onAbort);
  };
}

/**
 * Asks the server to cancel, by the protocol's cancel request: it needs no login and no free slot. Where a proxy loses it, a second
 * session asks with pg_cancel_backend; what still hangs after two seconds loses its socket.
 */
async function cancelNow(options: { client: ClientBase; target: PostgresTarget; connect: CancelConnect }, isDone: () => boolean): Promise<void> {
  const { client, target } = options;
  const { processID, secretKey, stream } = inner(client);
  if (processID !== null && secretKey !== null) sendCancelRequest(target, processID, secretKey);
  await sleep(CANCEL_GRACE_MS, undefined, { ref: false });
  if (isDone()) return;
  if (processID !== null) void cancelBackend(options.connect, processID);
  await sleep(CANCEL_GRACE_MS, undefined, { ref: false });
  if (!isDone()) stream.destroy();
}

/** What pg keeps of a session but does not type. */
function inner(client: ClientBase): { processID: number | null; secretKey: number | null; stream: net.Socket } {
  const { processID, secretKey, connection } = client as ClientBase & {
    processID: number | null;
    secretKey: number | null;
    connection: { stream: net.Socket };
  };
  return { processID, secretKey, stream: connection.stream };
}

function sendCancelRequest(target: PostgresTarget, processId: number, secretKey: number): void {
  const message = Buffer.alloc(16);
  message.writeInt32BE(16, 0);
  message.writeInt32BE(80_877_102, 4);
  message.writeInt32BE(processId, 8);
  message.writeInt32BE(secretKey, 12);
  const socket = target.host.startsWith("/") ? net.connect(`${target.host}/.s.PGSQL.${target.port}`) : net.connect(target.port, target.host);
  socket.on("error", () => undefined);
  socket.setTimeout(CANCEL_GRACE_MS, () => void socket.destroy());
  socket.end(message);
}

async function cancelBackend(connect: CancelConnect, processId: number): Promise<void> {
  try {
    const client = await connect(CANCEL_GRACE_MS);
    await client.query("SELECT pg_catalog.pg_cancel_backend($1)", [processId]).finally(() => void client.end());
  } catch {
    // The socket is destroyed a second later.
  }
}

/** Ends a session at once, and what the server still does for it. */
export function dropSession(client: ClientBase, target: PostgresTarget): void {
  const { processID, secretKey, stream } = inner(client);
  if (processID !== null && secretKey !== null) sendCancelRequest(target, processID, secretKey);
  stream.destroy();
}
