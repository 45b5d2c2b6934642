import "server-only";
import type { TocEntry } from "@/app/(console)/manage-dbs/postgres/postgres.archive";
import { AppError } from "@/server/errors";

const NAME = String.raw`(?:"(?:[^"]|"")*"|[^\s"'();,.$\\]+)`;
/** All that pg_dump ever writes: `COPY public.t (a, "b c") FROM stdin;` */
const PLAIN = new RegExp(String.raw`^COPY ${NAME}(?:\.${NAME})? +(?:\(${NAME}(?:, ${NAME})*\) +)?(?:WITH OIDS +)?FROM stdin;\s*$`);

/**
 * pg_restore sends these statements as they are: one that was written by hand could read a file of the server or run a program there.
 * Throws INTERNAL, naming the first.
 */
export function assertPlainCopies(entries: readonly TocEntry[]): void {
  const odd = entries.find(({ copyStatement }) => copyStatement !== null && !PLAIN.test(copyStatement));
  if (!odd) return;
  throw new AppError("INTERNAL", `The backup file is not pg_dump's own: the rows of ${odd.name} come by another statement than COPY ... FROM stdin`, {
    fix: "Do not restore it, and find out who made it.",
    detail: (odd.copyStatement ?? "").slice(0, 500),
  });
}
