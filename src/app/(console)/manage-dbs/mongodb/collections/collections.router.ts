import "server-only";
import { FileTicket } from "@/backups/backups.schema";
import { issueTicket } from "@/server/tickets";
import { deadline, engineProcedure, router } from "@/trpc/init";
import {
  CollectionList,
  CollectionName,
  CollectionSchema,
  CountInput,
  CountResult,
  DocumentInput,
  DocumentsInput,
  DocumentsPage,
  DocumentView,
  ExportInput,
  ListCollectionsInput,
} from "./collections.schema";
import { listCollections } from "./collections.service";
import { countDocuments, documents, getDocument } from "./documents.service";
import { getSchema } from "./schema.service";

const procedure = engineProcedure("mongodb");
const tags = ["mongodb"];
const path = "/mongodb/collections" as const;

export const collectionsRouter = router({
  list: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path, tags, summary: "Collections and views with sizes and estimated documents" } })
    .input(ListCollectionsInput)
    .output(CollectionList)
    .query(({ ctx, input, signal }) => listCollections(ctx.connection, input, { signal: deadline(signal) })),

  schema: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: `${path}/{collection}/schema`, tags, summary: "Fields inferred from a bounded sample, indexes, validator" } })
    .input(CollectionName)
    .output(CollectionSchema)
    .query(({ ctx, input, signal }) => getSchema(ctx.connection, input, { signal: deadline(signal) })),

  documents: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: `${path}/{collection}/documents`, tags, summary: "One page of documents, by key" } })
    .input(DocumentsInput)
    .output(DocumentsPage)
    .query(({ ctx, input, signal }) => documents(ctx.connection, input, { signal: deadline(signal) })),

  document: procedure
    .action("read")
    .meta({ openapi: { method: "GET", path: `${path}/{collection}/document`, tags, summary: "One document whole" } })
    .input(DocumentInput)
    .output(DocumentView)
    .query(({ ctx, input, signal }) => getDocument(ctx.connection, input, { signal: deadline(signal) })),

  count: procedure
    .action("read")
    .meta({
      openapi: { method: "GET", path: `${path}/{collection}/count`, tags, summary: "Documents counted exactly, or the estimate when that takes too long" },
    })
    .input(CountInput)
    .output(CountResult)
    .query(({ ctx, input, signal }) => countDocuments(ctx.connection, input, { signal: deadline(signal) })),

  export: procedure
    .action("export")
    .meta({
      redirect: true,
      openapi: { method: "GET", path: `${path}/{collection}/export`, tags, summary: "A collection as Extended JSON lines (303 to the stream)" },
    })
    .input(ExportInput)
    .output(FileTicket)
    .query(({ ctx, input, path: procedurePath }) =>
      issueTicket(ctx.principal, { kind: "export", connectionId: ctx.connection.id, procedure: procedurePath, input }),
    ),
});
