import { TRPCClientError, type TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import type { AppRouter } from "@/trpc/root";

/** Says in words that the console itself did not answer, where the browser says "Failed to fetch" or chokes on a gateway's own page. */
export const noAnswerLink: TRPCLink<AppRouter> =
  () =>
  ({ op, next }) =>
    observable((observer) =>
      next(op).subscribe({
        next: (value) => observer.next(value),
        error: (error) => observer.error(withWords(error)),
        complete: () => observer.complete(),
      }),
    );

/** What the console answers has data of its own; what somebody called off stays as it is. Exported for its test. */
export function withWords(error: TRPCClientError<AppRouter>): TRPCClientError<AppRouter> {
  if (error.data || isCalledOff(error)) return error;
  const data = {
    code: "INTERNAL_SERVER_ERROR" as const,
    httpStatus: 503,
    app: "UNREACHABLE" as const,
    fix: "Look whether it runs and whether this machine reaches it. What it was doing goes on without this page.",
    detail: error.message,
    retryAfterSeconds: null,
    requestId: null,
  };
  return new TRPCClientError<AppRouter>("The console does not answer", { result: { error: { code: -32603, message: error.message, data } }, cause: error });
}

const isCalledOff = ({ cause }: TRPCClientError<AppRouter>): boolean => cause?.name === "AbortError";
