"use client";
import type { ReactNode } from "react";
import { ErrorState, NotConnectedState } from "@/components/ui/states";

/** The part of a failed call that a person may read; every tRPC error of the console has it. */
export interface ReadableError {
  message: string;
  data?: { app?: string | null; fix?: string | null; detail?: string | null; requestId?: string | null } | null | undefined;
}

const NOT_CONNECTED = new Set(["UNREACHABLE", "AUTH_FAILED"]);

/** What went wrong, where, what to do, and "try again". Not connected has its own look: the rest of the page still works. */
export function QueryError({
  error,
  onRetry,
  retrying = false,
  actions,
  className,
}: {
  error: ReadableError;
  onRetry?: () => void;
  retrying?: boolean;
  /** Other ways out, before "Try again". */
  actions?: ReactNode;
  className?: string;
}) {
  const detail = [error.data?.detail, error.data?.requestId].filter(Boolean).join(", ") || undefined;
  const fix = error.data?.fix ?? undefined;
  const common = { title: error.message, fix, onRetry, retrying, actions, ...(className ? { className } : {}) };
  return NOT_CONNECTED.has(error.data?.app ?? "") ? <NotConnectedState {...common} detail={detail} /> : <ErrorState {...common} detail={detail} />;
}
