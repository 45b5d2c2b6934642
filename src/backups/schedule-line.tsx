"use client";
import { cronWords } from "@/backups/cron-words";
import { TextLink } from "@/components/ui/button";
import { backupsHref } from "@/backups/backup-href";
import type { EngineId } from "@/engines";
import { PASSIVE, trpc } from "@/trpc/client";

/** "every day at 03:12, drill every Saturday at 04:00", and the way to change it. */
export function ScheduleLine({ engine, connection }: { engine: EngineId; connection: string }) {
  const { data } = trpc[engine].schedules.list.useQuery({ connection }, PASSIVE);
  const enabled = data?.schedules.filter((schedule) => schedule.enabled) ?? [];
  const words = enabled.slice(0, 2).map(({ kind, cron }) => (kind === "drill" ? `drill ${cronWords(cron)}` : cronWords(cron)));
  return (
    <>
      {data === undefined ? null : words.length === 0 ? "by hand only" : words.join(", ")}
      {enabled.length > 2 ? `, ${enabled.length - 2} more` : ""}{" "}
      <TextLink href={`${backupsHref(engine, connection)}/schedules`} className="ml-1">
        Schedules
      </TextLink>
    </>
  );
}
