/** What the URL of the collections screen says. Filter, sort and projection are Extended JSON as it was typed. */
import { createLoader, parseAsBoolean, parseAsString, parseAsStringLiteral } from "nuqs/server";

export const COLLECTION_VIEWS = ["documents", "schema", "indexes"] as const;
export type CollectionView = (typeof COLLECTION_VIEWS)[number];

export const DOCUMENT_FORMS = ["tree", "table"] as const;
export type DocumentForm = (typeof DOCUMENT_FORMS)[number];

const parsers = {
  database: parseAsString,
  collection: parseAsString,
  view: parseAsStringLiteral(COLLECTION_VIEWS).withDefault("documents"),
  as: parseAsStringLiteral(DOCUMENT_FORMS).withDefault("tree"),
  /** The inferred schema beside the documents. */
  beside: parseAsBoolean.withDefault(false),
  filter: parseAsString.withDefault(""),
  sort: parseAsString.withDefault(""),
  projection: parseAsString.withDefault(""),
  /** Key of the document that is open beside the table. */
  document: parseAsString,
};

/** What is asked of a collection, as typed. */
export interface Find {
  filter: string;
  sort: string;
  projection: string;
}

export const collectionsState = { parsers, load: createLoader(parsers) };

/** A collection by its exact names; `database` is always said, so that a link means the same for everybody. */
export interface CollectionAddress {
  connection: string;
  database: string;
  collection: string;
}

export function collectionHref({ connection, database, collection }: CollectionAddress): string {
  return `/manage-dbs/mongodb/${encodeURIComponent(connection)}/collections?${new URLSearchParams({ database, collection }).toString()}`;
}

/** What of a find goes to the server: empty fields are left out. */
export function findInput({ filter, sort, projection }: Find): Partial<Find> {
  return { ...(filter.trim() ? { filter } : {}), ...(sort.trim() ? { sort } : {}), ...(projection.trim() ? { projection } : {}) };
}
