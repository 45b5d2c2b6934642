/** The engine contract's plain data: what all four engines answer in the same words. Zod, so REST and the client share it. */
import { z } from "zod";

/** Sizes are bytes, durations seconds or milliseconds as named, times ISO 8601 in UTC. */
export const Fact = z.object({
  label: z.string(),
  value: z.string(),
  /** Dimmer text after the value. */
  note: z.string().optional(),
  mono: z.boolean().optional(),
  /** A small badge after the value: ok = green check, warn = amber, plain = outline with lock. */
  badge: z.object({ text: z.string(), tone: z.enum(["ok", "warn", "plain"]) }).optional(),
});
export type Fact = z.infer<typeof Fact>;

export const ConnectedInfo = z.object({
  state: z.literal("connected"),
  /** The server's own product name: "PostgreSQL", "Redis", "Valkey", "SQLite", "MongoDB". */
  product: z.string(),
  version: z.string(),
  address: z.string(),
  latencyMs: z.number(),
  uptimeSeconds: z.number().nullable(),
  sizeBytes: z.number().nullable(),
  memoryBytes: z.number().nullable(),
  /** What it holds: 64 tables, ~1,000,412 keys, 17 collections. */
  holds: z.object({ count: z.number(), estimated: z.boolean(), word: z.string() }),
});
export type ConnectedInfo = z.infer<typeof ConnectedInfo>;

export const NotConnectedInfo = z.object({
  state: z.literal("not-connected"),
  address: z.string(),
  /** AppError code: UNREACHABLE, AUTH_FAILED, TIMEOUT, NOT_FOUND, ... */
  code: z.string(),
  /** What is wrong, one sentence. */
  reason: z.string(),
  /** What to do, one sentence. */
  fix: z.string(),
  /** The driver's own code, free of secrets. */
  detail: z.string().optional(),
});
export type NotConnectedInfo = z.infer<typeof NotConnectedInfo>;

export const EngineInfo = z.discriminatedUnion("state", [ConnectedInfo, NotConnectedInfo]);
export type EngineInfo = z.infer<typeof EngineInfo>;

export const Tile = z.object({
  /** Stable id; the sampler keeps 15 minutes of `number` under it. */
  id: z.string(),
  label: z.string(),
  value: z.string(),
  unit: z.string().optional(),
  note: z.string().optional(),
  /** The value as a number, for the sparkline; null when it is not one. */
  number: z.number().nullable(),
  /** Oldest first; filled by the sampler, empty until two samples exist. */
  series: z.array(z.number()),
});
export type Tile = z.infer<typeof Tile>;

export const LargestObject = z.object({
  /** Shown dim before the name: a schema, a logical database. */
  group: z.string().nullable(),
  name: z.string(),
  bytes: z.number().nullable(),
  count: z.number().nullable(),
  countEstimated: z.boolean(),
});
export type LargestObject = z.infer<typeof LargestObject>;

export const EngineWarning = z.object({
  level: z.enum(["danger", "warn", "info"]),
  title: z.string(),
  detail: z.string(),
  fix: z.string(),
});
export type EngineWarning = z.infer<typeof EngineWarning>;

export const EngineOverview = z.object({
  info: ConnectedInfo,
  /** Rows of the server card, in order. */
  facts: z.array(Fact),
  /** Exactly four. */
  tiles: z.array(Tile),
  /** At most ten, largest first. */
  largest: z.array(LargestObject),
  warnings: z.array(EngineWarning),
  checkedAt: z.string(),
});
export type EngineOverview = z.infer<typeof EngineOverview>;
