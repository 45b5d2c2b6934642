/** Connections for tests, made the way the registry makes them. */
import type { EngineId } from "@/engines";
import type { Connection } from "@/server/connection";
import { Secret } from "@/server/secret";

export function testConnection(engine: EngineId, url: string, options: { database?: string; name?: string } = {}): Connection {
  const address = engine === "sqlite" ? url : new URL(url).host;
  const name = options.name ?? "main";
  return {
    id: `${engine}/${name}`,
    engine,
    name,
    environment: "development",
    source: "environment",
    url: new Secret(url),
    database: options.database ?? null,
    tlsCa: null,
    address,
    fingerprint: `${url}|${options.database ?? ""}`,
  };
}
