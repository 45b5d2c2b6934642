import type { EngineId } from "@/engines";

/** Where the page of a backup is, or a page below it: "/restore". */
export const backupHref = (backup: { connectionId: string; id: string }, step = ""): string =>
  `/manage-dbs/${backup.connectionId}/backups/${encodeURIComponent(backup.id)}${step}`;

export const backupsHref = (engine: EngineId, connection: string): string => `/manage-dbs/${engine}/${encodeURIComponent(connection)}/backups`;
