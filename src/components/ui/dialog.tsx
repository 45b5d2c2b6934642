"use client";

import { type ReactNode, Suspense, lazy, useState } from "react";

export interface DialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
  title: ReactNode;
  /** One or two sentences under the title. */
  description?: ReactNode;
  size?: "sm" | "md" | "lg";
  /** Buttons at the foot; the last one is the act. */
  foot?: ReactNode;
  /** Badges beside the title: the environment of what is touched. */
  badges?: ReactNode;
  children?: ReactNode;
  /** Comes in from the right edge, or from below on a phone. */
  sheet?: boolean;
}

const DialogContent = lazy(async () => ({ default: (await import("@/components/ui/dialog-content")).DialogContent }));

/** A dialog whose code is loaded when it first opens. Focus goes back to where it was. */
export function Dialog(props: DialogProps) {
  const [wasOpen, setWasOpen] = useState(false);
  const [wanted, setWanted] = useState(false);
  const [returnTo, setReturnTo] = useState<Element | null>(null);
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
      <DialogContent {...props} returnTo={returnTo} />
    </Suspense>
  );
}
