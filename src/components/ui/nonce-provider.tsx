"use client";

import { setNonce } from "get-nonce";
import type { ReactNode } from "react";

/**
 * Radix locks scrolling behind dialogs with a <style> element; with the page's nonce on it the content security policy lets it be.
 * Stands around everything in the root layout.
 */
export function NonceProvider({ nonce, children }: { nonce: string | undefined; children: ReactNode }) {
  if (typeof window !== "undefined" && nonce) setNonce(nonce);
  return children;
}
