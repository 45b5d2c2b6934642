"use client";

import * as Radix from "radix-ui/popover";
import { useState } from "react";
import { classNames } from "@/components/ui/class-names";
import type { PopoverProps } from "@/components/ui/popover";

/** Mounted by Popover at the first press, so it starts open. */
export function PopoverContent({ trigger, label, align = "start", side = "bottom", className, children }: PopoverProps) {
  const [open, setOpen] = useState(true);
  return (
    <Radix.Root open={open} onOpenChange={setOpen}>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          aria-label={label}
          align={align}
          side={side}
          sideOffset={6}
          collisionPadding={8}
          className={classNames(
            "z-50 max-h-(--radix-popover-content-available-height) max-w-[calc(100vw-16px)] animate-pop overflow-y-auto rounded-lg bg-raised p-3 shadow-float outline-none",
            className,
          )}
        >
          {typeof children === "function" ? children(() => setOpen(false)) : children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
