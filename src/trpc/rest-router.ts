import "server-only";
/** The router as the REST face calls it: path parameters arrive percent-encoded there (trpc-to-openapi 3.3 does not decode them). */
import { AppError } from "@/server/errors";
import type { Context, Meta } from "@/trpc/init";
import { appRouter } from "@/trpc/root";

type Call = (input: unknown) => Promise<unknown>;

export const restRouter = {
  ...appRouter,
  createCaller: (context: Context) => decoding(appRouter.createCaller(context) as unknown as Call, []),
} as unknown as typeof appRouter;

/** Follows `caller.redis.keys.get` segment by segment, then calls it with its path parameters decoded. */
function decoding(target: Call, path: string[]): Call {
  return new Proxy(target, {
    get: (inner, segment) =>
      typeof segment === "string" ? decoding((inner as unknown as Record<string, Call>)[segment] as Call, [...path, segment]) : undefined,
    apply: (inner, _self, [input]) => inner(decodePathInput(path.join("."), input)),
  });
}

function decodePathInput(procedure: string, input: unknown): unknown {
  const meta = (appRouter._def.procedures as unknown as Record<string, { _def: { meta?: Meta } } | undefined>)[procedure]?._def.meta;
  const names = [...(meta?.openapi?.path ?? "").matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? "");
  if (names.length === 0 || typeof input !== "object" || input === null) return input;
  const decoded: Record<string, unknown> = { ...input };
  for (const name of names) if (typeof decoded[name] === "string") decoded[name] = decode(decoded[name]);
  return decoded;
}

/** @throws AppError INVALID for a percent sign that encodes nothing. */
function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new AppError("INVALID", `${segment} is not percent-encoded UTF-8`, { fix: "Encode the name with encodeURIComponent." });
  }
}
