import { request as send, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, expect, it } from "vitest";
import { clientAddress, trackPeerAddresses } from "@/server/auth/client-address";
import { temporaryControlPlane, useSettings } from "@/test/control-plane";

const plane = await temporaryControlPlane();
afterAll(plane.remove);

it("is the socket's, whatever the client says", async () => {
  await useSettings({});
  trackPeerAddresses();
  let seen = "";
  const server = createServer((request, response) => {
    seen = clientAddress(new Headers(request.headers as Record<string, string>));
    response.end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const headers = { "x-console-peer": "6.6.6.6", "x-forwarded-for": "7.7.7.7" };
  await new Promise<void>((done) => send({ port, host: "127.0.0.1", headers }, (response) => response.resume().on("end", done)).end());
  server.close();
  expect(seen).toBe("127.0.0.1");
});

it("is the last one a trusted proxy wrote", async () => {
  await useSettings({ TRUST_PROXY: "on" });
  expect(clientAddress(new Headers({ "x-forwarded-for": "6.6.6.6, 10.1.2.3", "x-console-peer": "127.0.0.1" }))).toBe("10.1.2.3");
  expect(clientAddress(new Headers({ "x-console-peer": "::ffff:127.0.0.1" }))).toBe("127.0.0.1");
  expect(clientAddress(new Headers())).toBe("unknown");
});
