"use client";

import { CircleCheck, CircleX, Info, TriangleAlert, X } from "lucide-react";
import * as Radix from "radix-ui/toast";
import { ButtonLink, Button, IconButton } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import type { ShownToast } from "@/components/ui/toast";

const signs = {
  plain: <Info aria-hidden className="text-fg-2" />,
  green: <CircleCheck aria-hidden className="text-green" />,
  amber: <TriangleAlert aria-hidden className="text-amber" />,
  red: <CircleX aria-hidden className="text-red-text" />,
};

export function ToastViewport({ toasts, onClose }: { toasts: readonly ShownToast[]; onClose: (id: number) => void }) {
  return (
    <Radix.Provider swipeDirection="right" duration={6_000}>
      {toasts.map((toast) => (
        <Toast key={toast.id} toast={toast} onClose={() => onClose(toast.id)} />
      ))}
      <Radix.Viewport
        label="Messages ({hotkey})"
        className="fixed right-3 bottom-[72px] z-30 flex w-[360px] max-w-[calc(100vw-24px)] flex-col gap-2 outline-none md:right-4 md:bottom-4"
      />
    </Radix.Provider>
  );
}

function Toast({ toast, onClose }: { toast: ShownToast; onClose: () => void }) {
  const tone = toast.tone ?? "plain";
  const action = toast.action;
  return (
    <Radix.Root
      type={tone === "red" ? "foreground" : "background"}
      duration={toast.durationMs ?? (tone === "red" ? Number.POSITIVE_INFINITY : 6_000)}
      onOpenChange={(open) => {
        if (!open) onClose();
      }}
      className="flex animate-pop items-start gap-3 rounded-lg bg-raised p-3 shadow-float"
    >
      <span className="mt-0.5 flex [&_svg]:size-[18px]">{signs[tone]}</span>
      <div className="min-w-0 grow">
        <Radix.Title className="font-medium break-words">{toast.title}</Radix.Title>
        {toast.detail ? <Radix.Description className={classNames("text-12 break-words text-fg-2")}>{toast.detail}</Radix.Description> : null}
        {action ? (
          <Radix.Action asChild altText={action.label}>
            {action.href ? (
              <ButtonLink href={action.href} size="sm" className="mt-2">
                {action.label}
              </ButtonLink>
            ) : (
              <Button size="sm" className="mt-2" onClick={action.onSelect}>
                {action.label}
              </Button>
            )}
          </Radix.Action>
        ) : null}
      </div>
      <Radix.Close asChild>
        <IconButton label="Close" size="xs">
          <X aria-hidden />
        </IconButton>
      </Radix.Close>
    </Radix.Root>
  );
}
