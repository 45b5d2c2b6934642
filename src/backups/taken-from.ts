import "server-only";
/**
 * Where a backup was taken from. A connection that was edited, or removed and added again under its name, may open another database than
 * the one its older backups are copies of.
 */
import type { BackupSummary } from "@/backups/backups.schema";
import type { RestorePlan } from "@/backups/engine";
import { comparePlaces, isThere, placeNow, placeText, readPlace } from "@/backups/place";
import { backupSummary } from "@/backups/views";
import type { Connection } from "@/server/connection";
import { connectionById } from "@/server/connections";
import type { BackupRow } from "@/server/control-plane/backups.repo";

type Noted = Pick<BackupRow, "connection_id" | "place">;

/** Whether it was taken from another database than the connection opens now. False where that was not noted, or cannot be told now. */
export async function isFromElsewhere({ place }: Pick<Noted, "place">, connection: Connection): Promise<boolean> {
  const taken = readPlace(place);
  return taken !== null && (await comparePlaces(taken, await placeNow(connection))) === "other";
}

/** The same for who deletes by it: also what the connection opens now has to be there. */
export async function isSurelyFromElsewhere(noted: Pick<Noted, "place">, connection: Connection): Promise<boolean> {
  return (await isFromElsewhere(noted, connection)) && isThere(await placeNow(connection));
}

/** Whether two are known to be of one database; one that did not note it is of any. */
export async function isOfSamePlace(one: Pick<Noted, "place">, other: Pick<Noted, "place">): Promise<boolean> {
  const [first, second] = [readPlace(one.place), readPlace(other.place)];
  return first === null || second === null || (await comparePlaces(first, second)) === "same";
}

/** As they are shown, with what their connections open now; a backup whose connection is no more is of nothing else. */
export async function summariesOf(rows: readonly Omit<BackupRow, "manifest">[]): Promise<BackupSummary[]> {
  const asked = new Map<string, Promise<boolean>>();
  const ask = (row: Noted): Promise<boolean> => {
    const key = `${row.connection_id}|${row.place}`;
    const known =
      asked.get(key) ??
      connectionById(row.connection_id).then(
        (connection) => isFromElsewhere(row, connection),
        () => false,
      );
    asked.set(key, known);
    return known;
  };
  return Promise.all(rows.map(async (row) => backupSummary(row, await ask(row))));
}

/** What is to be read before a restore of a backup that is another database's. */
export async function originCheck({ place }: Pick<Noted, "place">, connection: Connection, replace: boolean): Promise<RestorePlan["checks"]> {
  const taken = readPlace(place);
  if (taken === null || !(await isFromElsewhere({ place }, connection))) return [];
  const now = `${connection.name} opens ${placeText(await placeNow(connection))} now.`;
  return [
    {
      result: "warn",
      title: `The backup was taken from another database: ${placeText(taken)}`,
      detail: replace ? `${now} What is live there is replaced by a copy of the other one.` : `${now} The copy of the other one is made there.`,
    },
  ];
}
