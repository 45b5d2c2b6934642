"use client";
import type { ConnectionView } from "./console-shell";
import { Dialog } from "@/components/ui/dialog";
export function ConsolePalette({ onClose }: { connections: ConnectionView[]; onClose(): void }) {
  return <Dialog open onOpenChange={(open) => !open && onClose()} title="Go to">{null}</Dialog>;
}
