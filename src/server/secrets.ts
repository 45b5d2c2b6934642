import "server-only";
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import { keys } from "@/env";
import { AppError } from "@/server/errors";

/** 32 bytes for one purpose, so that no two uses share a key. */
export function derivedKey(purpose: string): Buffer {
  return Buffer.from(hkdfSync("sha256", keys().encryptionKey, Buffer.alloc(0), `foundry-console ${purpose}`, 32));
}

const keyIdOf = (key: Buffer): string => createHash("sha256").update("key id").update(key).digest("hex").slice(0, 8);

/**
 * Encrypts a text with AES-256-GCM under ENCRYPTION_KEY.
 * @param boundTo what the text belongs to ("postgres/main db1:5432"): opening it for anything else fails
 * @returns `v1.<key id>.<iv>.<ciphertext and tag>`
 */
export function seal(text: string, boundTo: string): string {
  const key = derivedKey("stored credentials v1");
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, iv).setAAD(Buffer.from(boundTo));
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return ["v1", keyIdOf(key), iv.toString("base64url"), sealed.toString("base64url")].join(".");
}

/** @throws AppError INTERNAL when the text was altered, moved to another owner, or sealed with another key */
export function open(sealed: string, boundTo: string): string {
  const [version, keyId, iv, body] = sealed.split(".");
  const key = derivedKey("stored credentials v1");
  const fix = "Start the console with the ENCRYPTION_KEY it was saved with, or enter the credential again";
  if (version !== "v1" || iv === undefined || body === undefined) throw new AppError("INTERNAL", "A stored credential is not readable", { fix });
  if (keyId !== keyIdOf(key)) throw new AppError("INTERNAL", "A stored credential was encrypted with another key", { fix, detail: `key id ${keyId}` });
  const bytes = Buffer.from(body, "base64url");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(iv, "base64url"), { authTagLength: 16 });
    decipher.setAAD(Buffer.from(boundTo)).setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw new AppError("INTERNAL", "A stored credential was altered or belongs to something else", { fix, cause });
  }
}

/** 256 random bits, safe in a URL and in a header. Only its hash is ever stored. */
export const newToken = (): string => randomBytes(32).toString("base64url");

export const sha256Hex = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Compares without telling by its time how much was equal. */
export function equalSecrets(given: string, expected: string): boolean {
  return timingSafeEqual(createHash("sha256").update(given).digest(), createHash("sha256").update(expected).digest());
}
