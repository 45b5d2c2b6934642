"use client";

import { type ComponentType, type ReactElement, type ReactNode, Suspense, cloneElement, lazy, useState } from "react";
import type { TriggerProps } from "@/components/ui/menu";

export interface PopoverProps {
  trigger: ReactElement<TriggerProps>;
  /** Names the popover, read aloud. */
  label: string;
  align?: "start" | "center" | "end";
  side?: "bottom" | "top" | "left" | "right";
  className?: string;
  /** What it shows; a function gets the way to close it. */
  children: ReactNode | ((close: () => void) => ReactNode);
}

const load = () => import("@/components/ui/popover-content");
const PopoverContent = lazy(async () => ({ default: (await load()).PopoverContent })) as ComponentType<PopoverProps>;

/** A small floating panel; its code comes when somebody reaches for it. */
export function Popover(props: PopoverProps) {
  const [wanted, setWanted] = useState(false);
  const fetchSoon = (): void => void load();
  const plain = cloneElement(props.trigger, {
    "aria-haspopup": "dialog",
    "aria-expanded": wanted,
    onClick: () => setWanted(true),
    onPointerEnter: fetchSoon,
    onFocus: fetchSoon,
  });
  if (!wanted) return plain;
  return (
    <Suspense fallback={plain}>
      <PopoverContent {...props} />
    </Suspense>
  );
}
