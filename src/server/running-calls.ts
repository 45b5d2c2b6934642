import "server-only";
import PQueue from "p-queue";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";
import { single } from "@/server/single";

/** Waiting calls a user may have before the next one is refused. */
const WAITING_MAX = 100;

interface Queues {
  all: PQueue;
  byUser: Map<string, PQueue>;
}

/** Runs an engine call when the user has one of five places and the console one of forty. @throws AppError TOO_MANY_REQUESTS */
export async function inTurn<T>(userId: string, run: () => Promise<T>): Promise<T> {
  const queues = single<Queues>("running-calls", () => ({ all: new PQueue({ concurrency: LIMITS.runningQueriesMax }), byUser: new Map() }));
  const own = queues.byUser.get(userId) ?? new PQueue({ concurrency: LIMITS.runningQueriesPerUser });
  queues.byUser.set(userId, own);
  if (own.size >= WAITING_MAX) {
    throw new AppError("TOO_MANY_REQUESTS", "Too many of your queries are waiting", { fix: "Wait for the running ones to end.", retryAfterSeconds: 5 });
  }
  try {
    return await own.add(() => queues.all.add(run));
  } finally {
    if (own.size === 0 && own.pending === 0) queues.byUser.delete(userId);
  }
}
