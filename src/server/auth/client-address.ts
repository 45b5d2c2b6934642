import "server-only";
import { subscribe } from "node:diagnostics_channel";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { env } from "@/env";
import { single } from "@/server/single";

/** The address of the socket, written into every request by this process; what a client sends under this name is overwritten. */
const PEER_HEADER = "x-console-peer";

/**
 * Route handlers see no socket, and Next keeps an X-Forwarded-For that the client made up. So the address is put into
 * a header when the request arrives. Called once by the boot.
 */
export function trackPeerAddresses(): void {
  single("peer-addresses", () => {
    subscribe("http.server.request.start", (message) => {
      const { request, socket } = message as { request: IncomingMessage; socket: Socket };
      request.headers[PEER_HEADER] = socket.remoteAddress ?? "unknown";
    });
    return true;
  });
}

/** Where the call comes from: the socket's address, or with TRUST_PROXY the last one in X-Forwarded-For. */
export function clientAddress(headers: Headers): string {
  const forwarded = headers.get("x-forwarded-for")?.split(",").at(-1)?.trim();
  const address = env().TRUST_PROXY === "on" ? (forwarded ?? headers.get(PEER_HEADER)) : headers.get(PEER_HEADER);
  return (address ?? "unknown").replace(/^::ffff:/, "").slice(0, 64);
}
