import "server-only";
/** The procedures every engine answers in the same words: is it there, and how is it. */
import type { EngineId } from "@/engines";
import { EngineInfo, EngineOverview } from "@/lib/engine-contract";
import type { EngineServer } from "@/server/engine-server";
import { withSeries } from "@/server/samples";
import { deadline, engineProcedure } from "@/trpc/init";

export function createServerProcedures(engine: EngineId, server: EngineServer) {
  const procedure = engineProcedure(engine);
  return {
    info: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `/${engine}/info`, tags: [engine], summary: "Reachable or why not, version, size, uptime" } })
      .output(EngineInfo)
      .query(({ ctx, signal }) => server.info(ctx.connection, { signal: deadline(signal) })),

    overview: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: `/${engine}/overview`, tags: [engine], summary: "Server card, tiles, largest objects, warnings" } })
      .output(EngineOverview)
      .query(async ({ ctx, signal }) => withSeries(ctx.connection, await server.overview(ctx.connection, { signal: deadline(signal) }))),
  };
}
