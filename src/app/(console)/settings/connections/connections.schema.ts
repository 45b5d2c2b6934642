import { z } from "zod";
import { ENGINE_IDS } from "@/engines";

export const ConnectionView = z.object({
  id: z.string(),
  engine: z.enum(ENGINE_IDS),
  name: z.string(),
  environment: z.enum(["production", "staging", "development"]),
  source: z.enum(["environment", "console", "built-in"]),
  address: z.string(),
  database: z.string().nullable(),
  missing: z.object({ reason: z.string(), fix: z.string() }).nullable(),
  /** What the asking person may do on it. */
  role: z.enum(["viewer", "operator", "admin"]),
});
export type ConnectionView = z.infer<typeof ConnectionView>;

export const ConnectionFields = z.object({
  engine: z.enum(ENGINE_IDS),
  name: z.string().min(1).max(39),
  environment: z.enum(["production", "staging", "development"]),
  url: z.string().min(1).max(2_000),
  database: z.string().min(1).max(64).nullable().default(null),
  tlsCa: z.string().max(100_000).nullable().default(null),
});

export const ConnectionId = z.object({ id: z.string().min(3).max(60) });
export const ConnectionChange = ConnectionId.extend({
  environment: ConnectionFields.shape.environment,
  database: ConnectionFields.shape.database,
  tlsCa: ConnectionFields.shape.tlsCa,
  /** Given only to move the connection or to replace its credentials. */
  url: z.string().min(1).max(2_000).optional(),
});
