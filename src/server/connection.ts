import type { EngineId } from "@/engines";
import type { Secret } from "@/server/secret";

export const ENVIRONMENTS = ["production", "staging", "development"] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** A named target of one engine, as the engine folders receive it. Rights were checked before. */
export interface Connection {
  /** `<engine>/<name>`, for example `postgres/main`; unique. */
  id: string;
  engine: EngineId;
  name: string;
  environment: Environment;
  /** Where it was defined; only `console` ones can be edited or removed. */
  source: "environment" | "console" | "built-in";
  /** Redis, PostgreSQL and MongoDB: the URL with its credentials. SQLite: the absolute path of the file. */
  url: Secret;
  /** MongoDB only: the database to administer. */
  database: string | null;
  /** PEM of the authority the server's certificate must come from; null uses the system's. */
  tlsCa: string | null;
  /** `host:port` or the path: safe to show. */
  address: string;
  /** Changes when anything above changes: the key under which clients and pools are kept. */
  fingerprint: string;
}

/** What every service call gets beside its input. */
export interface CallContext {
  signal?: AbortSignal | undefined;
}
