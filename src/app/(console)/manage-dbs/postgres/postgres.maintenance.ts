import "server-only";
import { openOwnSession, workIn, type OwnSession, type Session } from "@/app/(console)/manage-dbs/postgres/postgres.client";
import type { CallContext, Connection } from "@/server/connection";
import { AppError } from "@/server/errors";
import { textLiteral } from "@/sql/identifiers";

/** Databases that every server has: a database that is to be renamed, closed or dropped must not be the one the session is in. */
const USUAL = ["postgres", "template1"];
/** The database does not exist, takes no connections, or not from this role: another may. */
const TRY_ANOTHER: readonly AppError["code"][] = ["NOT_FOUND", "FORBIDDEN", "AUTH_FAILED", "CONFLICT", "UNREACHABLE"];

export interface MaintenanceSession {
  session: Session;
  /** The database it is in. */
  database: string;
}

export interface MaintenanceOptions extends CallContext {
  /** Databases it must not be in. */
  avoid: readonly string[];
  /** The one that worked before, tried first. */
  preferred?: string | undefined;
  /** Other databases that may do where the usual ones do not. */
  others?: readonly string[];
  /** Shown in pg_stat_activity: by it a session that outlived its console is found. */
  applicationName: string;
}

/** Runs work in a session that is in none of the databases it changes. Throws AppError only. */
export async function withMaintenance<T>(
  connection: Connection,
  options: MaintenanceOptions,
  work: (maintenance: MaintenanceSession) => Promise<T>,
): Promise<T> {
  const { own, database } = await openMaintenance(connection, options);
  return workIn(own, async (session) => {
    // Nothing here waits for long: whoever holds a database for longer is named.
    await session.run(`SET application_name = ${textLiteral(options.applicationName)}; SET lock_timeout = 10000`);
    return work({ session, database });
  });
}

async function openMaintenance(connection: Connection, options: MaintenanceOptions): Promise<{ own: OwnSession; database: string }> {
  const wanted = [options.preferred ?? "", ...USUAL, ...(options.others ?? [])];
  const candidates = [...new Set(wanted)].filter((name) => name !== "" && !options.avoid.includes(name));
  let refused: AppError | null = null;
  for (const database of candidates) {
    try {
      return { own: await openOwnSession(connection, { signal: options.signal, database }), database };
    } catch (error) {
      if (!(error instanceof AppError) || !TRY_ANOTHER.includes(error.code)) throw error;
      // What the first says is most to the point: the server is away, or the role is not let in.
      refused ??= error;
      if (isServerAway(error)) break;
    }
  }
  if (refused && isServerAway(refused)) throw refused;
  throw new AppError("FORBIDDEN", `No other database of ${connection.address} lets the console in, and a database cannot be renamed from inside`, {
    fix: `GRANT CONNECT ON DATABASE postgres TO the connection's role, and a line for it in pg_hba.conf.`,
    ...(refused ? { detail: `${refused.message}${refused.detail ? `: ${refused.detail}` : ""}`, cause: refused } : {}),
  });
}

/** Not only this database closed. */
const isServerAway = (error: AppError): boolean => error.code === "UNREACHABLE" && !error.detail?.startsWith("55000");
