"use client";

import { Suspense, lazy, useState } from "react";
import type { PaletteItem } from "@/components/command-palette/palette-items";
import type { Environment } from "@/components/ui/badge";

export interface CommandPaletteProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  /** What is always there: areas, connections, actions. */
  items: readonly PaletteItem[];
  /** Asks the server for tables, keys, collections and backups; called after a short pause, cancelled by the next letter. */
  search?: (query: string, signal: AbortSignal) => Promise<readonly PaletteItem[]>;
  /** "PostgreSQL / main": what is searched first. */
  context?: { label: string; environment: Environment } | null | undefined;
}

const PaletteContent = lazy(async () => ({ default: (await import("@/components/command-palette/palette-content")).PaletteContent }));

/** Ctrl K: go to anything, do anything. Its code comes when it first opens. */
export function CommandPalette(props: CommandPaletteProps) {
  const [wanted, setWanted] = useState(false);
  const [returnTo, setReturnTo] = useState<Element | null>(null);
  const [wasOpen, setWasOpen] = useState(false);
  if (props.open !== wasOpen) {
    setWasOpen(props.open);
    if (props.open) {
      setWanted(true);
      setReturnTo(typeof document === "undefined" ? null : document.activeElement);
    }
  }
  if (!wanted) return null;
  return (
    <Suspense fallback={null}>
      <PaletteContent {...props} returnTo={returnTo} />
    </Suspense>
  );
}
