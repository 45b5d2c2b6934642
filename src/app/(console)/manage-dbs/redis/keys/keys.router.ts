import "server-only";
import { FileTicket } from "@/backups/backups.schema";
import { issueTicket } from "@/server/tickets";
import { deadline, engineProcedure, router } from "@/trpc/init";
import { KeyAddress } from "../redis.schema";
import { getElement } from "./key-element.service";
import { getKey } from "./key-value.service";
import {
  DeletedKey,
  ElementValue,
  ExportKeysInput,
  GetElementInput,
  GetKeyInput,
  KeyDetail,
  KeyPage,
  ListKeysInput,
  PopularKeys,
  PopularKeysInput,
} from "./keys.schema";
import { deleteKey, listKeys, popularKeys } from "./keys.service";

const procedure = engineProcedure("redis");
const tags = ["redis"];

export const keysRouter = router({
  list: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/redis/keys", tags, summary: "Keys by pattern and type, one bounded scan step" } })
    .input(ListKeysInput)
    .output(KeyPage)
    .query(({ ctx, input, signal }) => listKeys(ctx.connection, input, { signal: deadline(signal) })),

  popular: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/redis/popular", tags, summary: "Most used keys of a bounded sample, by LFU or idle time" } })
    .input(PopularKeysInput)
    .output(PopularKeys)
    .query(({ ctx, input, signal }) => popularKeys(ctx.connection, input, { signal: deadline(signal) })),

  // Before `get`, so that "export" is not taken for a key; a key of that name is asked for with encoding=base64.
  export: procedure
    .action("export")
    .meta({
      redirect: true,
      openapi: { method: "GET", path: "/redis/keys/export", tags, summary: "Keys of a pattern as typed JSON lines (303 to the stream)" },
    })
    .input(ExportKeysInput)
    .output(FileTicket)
    .query(({ ctx, input, path }) => issueTicket(ctx.principal, { kind: "export", connectionId: ctx.connection.id, procedure: path, input })),

  get: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/redis/keys/{key}", tags, summary: "One key: type, expiry, memory and a page of its value" } })
    .input(GetKeyInput)
    .output(KeyDetail)
    .query(({ ctx, input, signal }) => getKey(ctx.connection, input, { signal: deadline(signal) })),

  element: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: "/redis/keys/{key}/element", tags, summary: "One element of a key whole" } })
    .input(GetElementInput)
    .output(ElementValue)
    .query(({ ctx, input }) => getElement(ctx.connection, input)),

  delete: procedure
    .action("write")
    .meta({ openapi: { method: "DELETE", path: "/redis/keys/{key}", tags, summary: "Delete one key" } })
    .input(KeyAddress)
    .output(DeletedKey)
    .mutation(({ ctx, input }) => deleteKey(ctx.connection, input)),
});
