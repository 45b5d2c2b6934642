"use client";
import { KeysDialog } from "@/components/command-palette/keys-dialog";

export function ConsoleKeys({ onClose }: { onClose: () => void }) {
  return <KeysDialog open onOpenChange={(open) => !open && onClose()} />;
}
