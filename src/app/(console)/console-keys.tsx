"use client";
import { Dialog } from "@/components/ui/dialog";
export function ConsoleKeys({ onClose }: { onClose(): void }) {
  return <Dialog open onOpenChange={(open) => !open && onClose()} title="Keys">{null}</Dialog>;
}
