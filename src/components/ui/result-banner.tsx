import { CircleCheck, CircleX } from "lucide-react";
import type { ReactNode } from "react";
import { classNames } from "@/components/ui/class-names";

export interface ResultBannerProps {
  /** One of three words: restored, restored with N skipped, failed. */
  outcome: "done" | "partly" | "failed";
  title: string;
  children?: ReactNode;
  end?: ReactNode;
}

const outcomes = {
  done: { box: "border-green-line bg-green-soft", ring: "border-green-line text-green", icon: CircleCheck },
  partly: { box: "border-amber-line bg-amber-soft", ring: "border-amber-line text-amber", icon: CircleCheck },
  failed: { box: "border-red-line bg-red-soft", ring: "border-red-line text-red", icon: CircleX },
} as const;

/** How a long piece of work ended, in one glance. */
export function ResultBanner({ outcome, title, children, end }: ResultBannerProps) {
  const look = outcomes[outcome];
  const Icon = look.icon;
  return (
    <div role={outcome === "failed" ? "alert" : "status"} className={classNames("flex flex-wrap items-center gap-4 rounded-lg border px-5 py-4", look.box)}>
      <span className={classNames("flex size-10 shrink-0 items-center justify-center rounded-full border bg-surface", look.ring)}>
        <Icon aria-hidden className="size-5" />
      </span>
      <div className="min-w-0 grow basis-60">
        <p className="text-16 font-semibold">{title}</p>
        {children ? <div className="text-fg-2">{children}</div> : null}
      </div>
      {end ? <div className="flex items-center gap-2">{end}</div> : null}
    </div>
  );
}
