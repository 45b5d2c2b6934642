/** Names inside SQL text. A name reaches a statement only as a `QuotedIdentifier`, so an unquoted one does not compile. */
import { AppError } from "@/server/errors";

declare const quoted: unique symbol;
export type QuotedIdentifier = string & { readonly [quoted]: true };

/** Quotes one name exactly as it is. Throws INVALID for a NUL or half a surrogate pair: no server could hold such a name. */
export function quoteIdentifier(name: string): QuotedIdentifier {
  if (name.includes("\0") || !name.isWellFormed()) {
    throw new AppError("INVALID", "The name holds a character that no database accepts", { fix: "Choose the object from the list." });
  }
  return `"${name.replaceAll('"', '""')}"` as QuotedIdentifier;
}

/** `"schema"."name"`, or `"name"` where no schema is given. */
export function quoteQualified(object: { schema?: string | undefined; name: string }): QuotedIdentifier {
  if (object.schema === undefined) return quoteIdentifier(object.name);
  return `${quoteIdentifier(object.schema)}.${quoteIdentifier(object.name)}` as QuotedIdentifier;
}

/** `"a", "b"` */
export function quoteList(names: readonly string[]): QuotedIdentifier {
  return names.map(quoteIdentifier).join(", ") as QuotedIdentifier;
}

/**
 * A standard string literal, for text that is written into a file (exports, DDL). Statements that the console runs take parameters instead.
 * PostgreSQL reads it rightly with standard_conforming_strings on, SQLite always; SQLite cannot hold a NUL in a literal.
 */
export function textLiteral(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
