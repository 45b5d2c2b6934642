import "server-only";
import { z } from "zod";
import { ENGINE_IDS } from "@/engines";
import { EngineInfo } from "@/lib/engine-contract";
import { addConnection, draftConnection, editConnection, removeConnection } from "@/server/connection-changes";
import { listConnections } from "@/server/connections";
import { effectiveRole } from "@/server/grants";
import type { EngineServers } from "@/trpc/engine-servers";
import { deadline, procedure, requireRecentSignIn, router } from "@/trpc/init";
import { ConnectionChange, ConnectionFields, ConnectionId, ConnectionView } from "./connections.schema";

const Done = z.object({ done: z.literal(true) });
const done = { done: true as const };
const tags = ["connections"];

export function createConnectionsRouter(engines: EngineServers) {
  return router({
    list: procedure
      .action("read")
      .meta({ openapi: { method: "GET", path: "/connections", tags, summary: "Connections the asking person may see" } })
      .input(z.object({ engine: z.enum(ENGINE_IDS).optional() }))
      .output(z.object({ connections: z.array(ConnectionView) }))
      .query(async ({ ctx, input }) => {
        const connections: z.infer<typeof ConnectionView>[] = [];
        for (const entry of await listConnections()) {
          if (input.engine && entry.engine !== input.engine) continue;
          const role = await effectiveRole(ctx.principal.userId, ctx.principal.role, entry.id);
          if (role !== "none") connections.push({ ...entry, role });
        }
        return { connections };
      }),

    test: procedure
      .action("administer")
      .meta({ openapi: { method: "POST", path: "/connections/test", tags, summary: "Try a connection without saving it" } })
      .input(ConnectionFields)
      .output(EngineInfo)
      .mutation(async ({ input, signal }) => {
        const draft = draftConnection(input);
        const probe = { ...draft, id: `${draft.id}?test` };
        try {
          return await engines[input.engine].info(probe, { signal: deadline(signal, 10_000) });
        } finally {
          await engines[input.engine].close(probe.id);
        }
      }),

    add: procedure
      .action("administer")
      .meta({ openapi: { method: "POST", path: "/connections", tags, summary: "Add a connection" } })
      .input(ConnectionFields)
      .output(z.object({ id: z.string() }))
      .mutation(async ({ ctx, input }) => ({ id: (await addConnection(input, ctx.principal.userId)).id })),

    edit: procedure
      .action("administer")
      .meta({ openapi: { method: "POST", path: "/connections/edit", tags, summary: "Change a connection" } })
      .input(ConnectionChange)
      .output(Done)
      .mutation(async ({ input }) => {
        await editConnection(input.id, input);
        await closeEverywhere(engines, input.id);
        return done;
      }),

    remove: procedure
      .action("administer")
      .meta({ openapi: { method: "POST", path: "/connections/remove", tags, summary: "Forget a connection; its database is not touched" } })
      .input(ConnectionId)
      .output(Done)
      .mutation(async ({ ctx, input }) => {
        requireRecentSignIn(ctx.principal);
        await removeConnection(input.id);
        await closeEverywhere(engines, input.id);
        return done;
      }),
  });
}

async function closeEverywhere(engines: EngineServers, id: string): Promise<void> {
  for (const engine of ENGINE_IDS) if (id.startsWith(`${engine}/`)) await engines[engine].close(id);
}
