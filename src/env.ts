/** The only reader of process.env. `env()` answers the parsed settings; a bad environment stops the start with one clear line. */
import { z } from "zod";

const emptyIsAbsent = (value: unknown) => (value === "" ? undefined : value);
const optional = <T extends z.ZodType>(schema: T) => z.preprocess(emptyIsAbsent, schema.optional());

export const EnvSchema = z.object({
  PORT: z.preprocess(emptyIsAbsent, z.coerce.number().int().min(1).max(65_535).default(3000)).describe("Port the console listens on, on 127.0.0.1"),
  HOST: z.preprocess(emptyIsAbsent, z.string().default("127.0.0.1")).describe("Address the console listens on"),
  CONSOLE_URL: optional(z.url()).describe("Address people open, when a proxy stands in front; http://127.0.0.1:PORT otherwise"),
  CONSOLE_DATA_DIR: z.preprocess(emptyIsAbsent, z.string().default(".data")).describe("Directory of the control plane, backups and keys"),
  AUTH_SECRET: optional(z.string().min(32)).describe("Signs sessions; 32 characters or more. Made on the first start when absent"),
  ENCRYPTION_KEY: optional(z.base64().refine((text) => Buffer.from(text, "base64").length === 32, "32 bytes in base64")).describe(
    "Encrypts stored credentials and seals the audit log; 32 bytes in base64. Made on the first start when absent",
  ),
  ADMIN_EMAIL: optional(z.email()).describe("Makes this admin on the first start instead of printing a set-up link"),
  ADMIN_PASSWORD: optional(z.string().min(15).max(128)).describe("Password of that admin, 15 to 128 characters"),
  ADMIN_API_TOKEN: optional(z.string().min(32).max(256)).describe("API token of that admin for automation, 32 characters or more"),
  ADMIN_ENVIRONMENT: z
    .preprocess(emptyIsAbsent, z.enum(["production", "staging", "development"]).default("production"))
    .describe("Environment label of the connections below: production, staging or development"),
  SQLITE_ADMIN_PATH: optional(z.string()).describe("Path of the SQLite file to administer"),
  REDIS_ADMIN_URL: optional(z.string()).describe("redis:// or rediss:// URL"),
  POSTGRES_ADMIN_URL: optional(z.string()).describe("postgres:// URL of the database to administer"),
  MONGODB_ADMIN_URL: optional(z.string()).describe("mongodb:// URL"),
  MONGODB_ADMIN_DATABASE: optional(z.string()).describe("MongoDB database to administer; the one in the URL otherwise"),
  POSTGRES_TOOLS_DIR: optional(z.string()).describe("Directory with pg_dump and pg_restore, looked at first"),
  SANDBOX: z.preprocess(emptyIsAbsent, z.enum(["on", "off"]).default("on")).describe("off: no local servers are started when no database is named"),
  TRUST_PROXY: z
    .preprocess(emptyIsAbsent, z.enum(["on", "off"]).default("off"))
    .describe("on: the address of a person is the last one in X-Forwarded-For. Only behind your own proxy"),
  LOG_LEVEL: z.preprocess(emptyIsAbsent, z.enum(["debug", "info", "warn", "error", "silent"]).default("info")).describe("What the log holds"),
});

/** Set by `npm start` alone, not by people: why the sandbox has no server of an engine, as "reason|fix". */
const InternalSchema = z.object({
  SQLITE_ADMIN_MISSING: optional(z.string()),
  REDIS_ADMIN_MISSING: optional(z.string()),
  POSTGRES_ADMIN_MISSING: optional(z.string()),
  MONGODB_ADMIN_MISSING: optional(z.string()),
  NODE_ENV: optional(z.string()),
  /** The system's own, to look for pg_dump. */
  PATH: optional(z.string()),
});

const FullSchema = EnvSchema.extend(InternalSchema.shape).superRefine((value, context) => {
  if ((value.ADMIN_EMAIL === undefined) !== (value.ADMIN_PASSWORD === undefined)) {
    context.addIssue({ code: "custom", path: ["ADMIN_EMAIL"], message: "set ADMIN_EMAIL and ADMIN_PASSWORD together" });
  }
});
export type Env = z.infer<typeof FullSchema>;

/** @throws Error with one line that names every bad setting, never its value. */
export function parseEnv(source: Record<string, string | undefined>): Env {
  const parsed = FullSchema.safeParse(source);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
  throw new Error(`The environment is not right: ${problems.join("; ")}`);
}

let parsed: Env | undefined;

export function env(): Env {
  parsed ??= parseEnv(process.env);
  return parsed;
}

/** Keys that must exist once the server runs (not during the build). @throws Error naming the missing one. */
export function keys(): { authSecret: string; encryptionKey: Buffer } {
  const { AUTH_SECRET, ENCRYPTION_KEY } = env();
  if (!AUTH_SECRET) throw new Error("The environment is not right: AUTH_SECRET is missing (npm start makes one)");
  if (!ENCRYPTION_KEY) throw new Error("The environment is not right: ENCRYPTION_KEY is missing (npm start makes one)");
  return { authSecret: AUTH_SECRET, encryptionKey: Buffer.from(ENCRYPTION_KEY, "base64") };
}
