"use client";

import { X } from "lucide-react";
import * as RadixDialog from "radix-ui/dialog";
import { IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import type { DialogProps } from "@/components/ui/dialog";

const widths = { sm: "max-w-[420px]", md: "max-w-[560px]", lg: "max-w-[840px]" };

export function DialogContent({
  open,
  onOpenChange,
  title,
  description,
  size = "md",
  foot,
  badges,
  children,
  sheet = false,
  returnTo,
}: DialogProps & { returnTo: Element | null }) {
  return (
    <RadixDialog.Root open={open} onOpenChange={onOpenChange}>
      <RadixDialog.Portal>
        <RadixDialog.Overlay className="fixed inset-0 z-40 animate-fade bg-scrim" />
        <RadixDialog.Content
          {...(description ? {} : { "aria-describedby": undefined })}
          onOpenAutoFocus={(event) => {
            const field = event.currentTarget instanceof HTMLElement ? event.currentTarget.querySelector<HTMLElement>("input, select, textarea") : null;
            if (!field) return;
            event.preventDefault();
            field.focus();
          }}
          onCloseAutoFocus={(event) => {
            event.preventDefault();
            if (returnTo instanceof HTMLElement && returnTo.isConnected) returnTo.focus();
          }}
          className={classNames(
            "fixed z-50 flex flex-col bg-raised shadow-float outline-none",
            sheet
              ? "inset-x-0 bottom-0 max-h-[85dvh] animate-pop rounded-t-xl md:inset-x-auto md:inset-y-0 md:right-0 md:max-h-none md:w-[420px] md:rounded-none"
              : classNames("top-[12dvh] left-1/2 max-h-[76dvh] w-[calc(100vw-24px)] -translate-x-1/2 animate-dialog rounded-xl", widths[size]),
          )}
        >
          <div className="flex items-start gap-3 px-5 pt-4 pb-3">
            <div className="min-w-0 grow">
              <div className="flex flex-wrap items-center gap-2">
                <RadixDialog.Title className="text-16 font-semibold">{title}</RadixDialog.Title>
                {badges}
              </div>
              {description ? <RadixDialog.Description className="mt-1 text-13 text-fg-2">{description}</RadixDialog.Description> : null}
            </div>
            <RadixDialog.Close asChild>
              <IconButton label="Close" size="sm" className="-mr-1.5">
                <X aria-hidden />
              </IconButton>
            </RadixDialog.Close>
          </div>
          {children ? <div className="min-h-0 grow overflow-y-auto px-5 pt-1 pb-4">{children}</div> : null}
          {foot ? <div className="flex flex-wrap items-center justify-end gap-2 border-t border-line px-5 py-3">{foot}</div> : null}
        </RadixDialog.Content>
      </RadixDialog.Portal>
    </RadixDialog.Root>
  );
}
