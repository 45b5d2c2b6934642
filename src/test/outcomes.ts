/** For tests: what became of a call or a job, in a word; and work that waits until a test lets it go on. */
import { TRPCError } from "@trpc/server";
import { AppError } from "@/server/errors";

/** "ok", the code of an error made for people, or the words of any other. */
export const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "ok",
    (error: unknown) => (error instanceof AppError || error instanceof TRPCError ? error.code : String(error)),
  );

interface Failed {
  code: string;
  message: string;
  fix: string | null;
  detail: string | null;
}

/** The error of a job's or a backup's row; empty when it has none. */
export const failureOf = (row: { error: string | null }): Partial<Failed> => JSON.parse(row.error ?? "{}") as Partial<Failed>;

/** `opened` resolves when `open` is called. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}
