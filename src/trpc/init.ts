import "server-only";
/**
 * Procedure kinds. There is one way in: an action (sign-in is not a procedure). Every call re-reads the user, the role and the
 * grant on the addressed connection, is bounded in time and number, and is audited here and nowhere else.
 */
import { initTRPC, TRPCError } from "@trpc/server";
import type { OpenApiMeta } from "trpc-to-openapi";
import { z, ZodError } from "zod";
import { ENGINES, type EngineId } from "@/engines";
import { CHANGING_ACTIONS, type Action } from "@/lib/rights";
import { appendAudit, completeAudit, redactInput } from "@/server/audit";
import type { Principal } from "@/server/auth/principal";
import { isRecentSignIn } from "@/server/auth/principal";
import type { Connection } from "@/server/connection";
import { getConnection, noSuchConnection } from "@/server/connections";
import { AppError, type AppErrorCode, isAbort } from "@/server/errors";
import { effectiveRole, may } from "@/server/grants";
import { LIMITS } from "@/server/limits";
import { logger } from "@/server/logger";
import { inTurn } from "@/server/running-calls";

export interface Context {
  principal: Principal | null;
  requestId: string;
  address: string;
}

export interface Meta extends OpenApiMeta {
  /** What the procedure needs. The walk over the router fails when it is absent. */
  action?: Action;
  engine?: EngineId;
  /** Answers 303 to the `url` of its output over REST: a file stream. */
  redirect?: boolean;
}

const STATUS: Record<AppErrorCode, TRPCError["code"]> = {
  UNAUTHENTICATED: "UNAUTHORIZED",
  FORBIDDEN: "FORBIDDEN",
  NOT_FOUND: "NOT_FOUND",
  INVALID: "BAD_REQUEST",
  CONFLICT: "CONFLICT",
  UNREACHABLE: "SERVICE_UNAVAILABLE",
  AUTH_FAILED: "BAD_GATEWAY",
  TIMEOUT: "GATEWAY_TIMEOUT",
  READ_ONLY: "FORBIDDEN",
  UNSUPPORTED: "UNPROCESSABLE_CONTENT",
  LIMIT_EXCEEDED: "PAYLOAD_TOO_LARGE",
  TOO_MANY_REQUESTS: "TOO_MANY_REQUESTS",
  TOOL_MISSING: "PRECONDITION_FAILED",
  CANCELLED: "CLIENT_CLOSED_REQUEST",
  INTERNAL: "INTERNAL_SERVER_ERROR",
};

const t = initTRPC
  .context<Context>()
  .meta<Meta>()
  .create({
    isDev: false,
    errorFormatter({ shape, error, ctx }) {
      const app = error.cause instanceof AppError ? error.cause : null;
      return {
        code: shape.code,
        message: shape.message,
        data: {
          code: shape.data.code,
          httpStatus: shape.data.httpStatus,
          app: app?.code ?? null,
          fix: app?.fix ?? null,
          detail: app?.detail ?? null,
          retryAfterSeconds: app?.retryAfterSeconds ?? null,
          requestId: ctx?.requestId ?? null,
        },
      };
    },
  });

export const router = t.router;
export const createCallerFactory = t.createCallerFactory;

/** Turns what was thrown into one answer: an AppError keeps its words, bad input says which field, all else is a fault of ours. */
const errors = t.middleware(async ({ next, ctx, path }) => {
  const result = await next();
  if (result.ok) return result;
  const { error } = result;
  if (error.cause instanceof AppError) throw new TRPCError({ code: STATUS[error.cause.code], message: error.cause.message, cause: error.cause });
  if (error.cause instanceof ZodError && error.code === "BAD_REQUEST") {
    throw new TRPCError({ code: "BAD_REQUEST", message: z.prettifyError(error.cause), cause: new AppError("INVALID", z.prettifyError(error.cause)) });
  }
  if (isAbort(error.cause)) throw new TRPCError({ code: "CLIENT_CLOSED_REQUEST", message: "Cancelled", cause: new AppError("CANCELLED", "Cancelled") });
  if (error.code !== "INTERNAL_SERVER_ERROR") throw error;
  logger().error({ requestId: ctx.requestId, path, error: error.cause ?? error }, "procedure failed");
  const fault = new AppError("INTERNAL", `The console failed at this; the log has it under ${ctx.requestId}`, {
    fix: "Try again; if it stays, give that id to whoever runs the console.",
  });
  throw new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: fault.message, cause: fault });
});

const signedIn = t.middleware(({ next, ctx }) => {
  if (!ctx.principal?.userId) throw new AppError("UNAUTHENTICATED", "You are not signed in", { fix: "Sign in and try again." });
  return next({ ctx: { principal: ctx.principal } });
});

type Signed = Context & { principal: Principal };

interface AuditSubject {
  ctx: Signed;
  action: Action;
  path: string;
  connectionId: string | null;
  role: string;
  input: unknown;
}

function auditEntry({ ctx, action, path, connectionId, role, input }: AuditSubject) {
  return {
    actor_id: ctx.principal.userId,
    actor_name: ctx.principal.name,
    role,
    session: ctx.principal.sessionLabel,
    address: ctx.address,
    action,
    connection_id: connectionId,
    procedure: path,
    target: targetOf(input),
    input: redactInput(input),
    request_id: ctx.requestId,
    completes: null,
  };
}

/** The words of an input that name what it is about. */
function targetOf(input: unknown): string {
  if (typeof input !== "object" || input === null) return "";
  const named = ["schema", "name", "database", "collection", "key", "pattern", "target", "id"] as const;
  const record = input as Record<string, unknown>;
  // A person is named by their address alone.
  if (typeof record["email"] === "string") return record["email"].slice(0, 300);
  return named
    .map((field) => record[field])
    .filter((value) => typeof value === "string" || typeof value === "number")
    .join(".")
    .slice(0, 300);
}

async function refuse(subject: AuditSubject, reason: string): Promise<never> {
  await appendAudit({ ...auditEntry(subject), outcome: "refused", detail: reason });
  throw new AppError("FORBIDDEN", reason, { fix: "Ask an admin for the right." });
}

/** Runs `effect` with its audit row: before and after for changes, after for the rest, none for plain reads. */
async function audited<T extends { ok: boolean; error?: { message: string } }>(subject: AuditSubject, effect: () => Promise<T>): Promise<T> {
  if (subject.action === "read") return effect();
  const entry = auditEntry(subject);
  const change = CHANGING_ACTIONS.includes(subject.action);
  const started = change ? await appendAudit({ ...entry, outcome: "started", detail: "" }) : null;
  const settle = async (outcome: "allowed" | "failed", detail: string) => {
    if (started) await completeAudit(started.seq, { outcome, detail: detail.slice(0, 500) });
    else await appendAudit({ ...entry, outcome, detail: detail.slice(0, 500) });
  };
  // What throws here comes before the procedure itself: no such connection, no free place.
  const result = await effect().catch(async (error: unknown) => {
    await settle("failed", error instanceof Error ? error.message : "");
    throw error;
  });
  await settle(result.ok ? "allowed" : "failed", result.ok ? "" : (result.error?.message ?? ""));
  return result;
}

/** Procedures that address no connection: the user's own role decides. */
export const procedure = {
  action: (action: Action) =>
    t.procedure
      .meta({ action })
      .use(errors)
      .use(signedIn)
      .use(async ({ next, ctx, path, getRawInput, type }) => {
        const { principal } = ctx;
        const subject: AuditSubject = { ctx, action, path, connectionId: null, role: principal.role, input: await getRawInput() };
        if (!(await may(principal, action, null))) await refuse(subject, `${principal.role} may not ${action}`);
        // Looking is not written down, or the log would grow by being looked at; a denial is.
        return type === "query" ? next() : audited(subject, () => next());
      }),
};

export const ConnectionInput = z.object({
  /** Name of the connection within its engine. */
  connection: z.string().min(1).max(40).default("main"),
});

export interface EngineContext extends Signed {
  connection: Connection;
  role: string;
}

/** Procedures of one engine: the grant on the addressed connection decides. Adds `connection` to the input and to the context. */
export function engineProcedure(engine: EngineId) {
  return {
    action: (action: Action) =>
      t.procedure
        .meta({ action, engine })
        .use(errors)
        .use(signedIn)
        .input(ConnectionInput)
        .use(async ({ next, ctx, path, input, getRawInput }) => {
          const connectionId = `${engine}/${input.connection}`;
          const role = await effectiveRole(ctx.principal.userId, ctx.principal.role, connectionId);
          const subject: AuditSubject = { ctx, action, path, connectionId, role, input: await getRawInput() };
          const label = ENGINES[engine].label;
          // The same words as for a name nobody uses; the log knows better.
          if (role === "none") {
            await appendAudit({ ...auditEntry(subject), outcome: "refused", detail: `no access to ${label} / ${input.connection}` });
            throw noSuchConnection(engine, input.connection);
          }
          if (!(await may(ctx.principal, action, connectionId))) await refuse(subject, `${role} may not ${action} on ${label} / ${input.connection}`);
          return audited(subject, async () => {
            const connection = await getConnection(engine, input.connection);
            return inTurn(ctx.principal.userId, () => next({ ctx: { connection, role } }));
          });
        }),
  };
}

/** @throws AppError FORBIDDEN when the password was given longer than LIMITS.recentSignInMinutes ago. Tokens are exempt: they hold no session. */
export function requireRecentSignIn(principal: Principal): void {
  if (principal.kind === "token" || isRecentSignIn(principal)) return;
  throw new AppError("FORBIDDEN", `Your sign-in is older than ${LIMITS.recentSignInMinutes} minutes`, {
    fix: "Give your password again and go on.",
    detail: "REAUTHENTICATE",
  });
}

/** @throws AppError INVALID unless the typed name is the target's, letter by letter. */
export function requireTypedName(typed: string, target: string): void {
  if (typed !== target) throw new AppError("INVALID", `The typed name is not ${target}`, { fix: `Type ${target} exactly.` });
}

/** The signal of a call: it ends with the request and with the query limit. */
export function deadline(signal: AbortSignal | undefined, timeoutMs: number = LIMITS.queryTimeoutMs): AbortSignal {
  const limit = AbortSignal.timeout(timeoutMs);
  return signal ? AbortSignal.any([signal, limit]) : limit;
}
