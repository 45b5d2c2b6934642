/** What the console's engine-free half needs from an engine: the engine contract, as one typed object an engine. */
import type { EngineInfo, EngineOverview } from "@/lib/engine-contract";
import type { BackupEngine } from "@/backups/engine";
import type { CallContext, Connection } from "@/server/connection";

/** An export that is ready to run: how it is named and typed, and its bytes. */
export interface ExportStream {
  /** File name without directory, any characters; the route makes it safe. */
  fileName: string;
  contentType: string;
  /** Throws when it cannot go on; it never ends short. */
  chunks: AsyncIterable<Uint8Array>;
}

export interface EngineServer {
  /** Reachable or a clear reason. Never throws for a server that is down. */
  info(connection: Connection, context: CallContext): Promise<EngineInfo>;
  overview(connection: Connection, context: CallContext): Promise<EngineOverview>;
  /** Figures of the overview's tiles by tile id, for the sparklines. */
  sample(connection: Connection): Promise<Record<string, number>>;
  /** Opens an export that an export procedure described; `request` is that procedure's parsed input. */
  openExport(connection: Connection, request: unknown, context: CallContext): Promise<ExportStream>;
  backup: BackupEngine;
  /** Ends clients and pools: of one connection (it changed or went), or of all. */
  close(connectionId?: string): Promise<void>;
}
