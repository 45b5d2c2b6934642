/** Wire forms of Redis values, safe for the client: bytes are never changed by showing them. */
import { z } from "zod";

/** Exactly the text that Buffer writes for these bytes: padded, no white space. */
const Base64 = z.string().regex(/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/, "not base64");
const WellFormed = z.string().refine((text) => text.isWellFormed(), "not a well-formed text");

/**
 * Bytes: `text` when they are valid UTF-8 and encode back byte for byte, else `base64`.
 * `length` is there when this is only a prefix: the whole length in bytes.
 */
export const RedisBytes = z.union([
  z.strictObject({ text: WellFormed, length: z.number().int().optional() }),
  z.strictObject({ base64: Base64, length: z.number().int().optional() }),
]);
export type RedisBytes = z.infer<typeof RedisBytes>;

export const BytesEncoding = z.enum(["utf8", "base64"]);
export type BytesEncoding = z.infer<typeof BytesEncoding>;

/** A logical database; which ones exist is the server's to say. */
export const DatabaseNumber = z.coerce.number().int().min(0).max(1_000_000);

/** One key by its exact bytes, as scalars so that it also fits a query string. */
export const KeyAddress = z.object({
  key: WellFormed.max(1_048_576),
  encoding: BytesEncoding.default("utf8"),
  db: DatabaseNumber.default(0),
});
export type KeyAddress = z.infer<typeof KeyAddress>;
