import { CircleCheck, CircleDashed, CircleX, SkipForward } from "lucide-react";
import type { ReactNode } from "react";
import { Ring } from "@/components/ui/ring";

export type PhaseState = "done" | "running" | "failed" | "skipped" | "waiting";

export interface Phase {
  title: string;
  state: PhaseState;
  /** Second line. */
  detail?: ReactNode;
  /** Right end: how long, or the share. */
  end?: ReactNode;
  /** 0 to 1 of the running phase. */
  share?: number | null;
}

function PhaseSign({ phase }: { phase: Phase }) {
  switch (phase.state) {
    case "done":
      return <CircleCheck aria-label="done" className="size-4 text-green" />;
    case "running":
      return <Ring share={phase.share ?? null} label="running" />;
    case "failed":
      return <CircleX aria-label="failed" className="size-4 text-red" />;
    case "skipped":
      return <SkipForward aria-label="skipped" className="size-4 text-amber" />;
    case "waiting":
      return <CircleDashed aria-label="not started" className="size-4 text-fg-3" />;
  }
}

/** What happened, from top to bottom, joined by a hairline. */
export function PhaseList({ phases }: { phases: readonly Phase[] }) {
  return (
    <ol className="flex flex-col">
      {phases.map((phase, index) => (
        <li key={phase.title} className="flex gap-3 pb-3 last:pb-0">
          <span className="flex flex-col items-center gap-1 pt-0.5">
            <PhaseSign phase={phase} />
            {index < phases.length - 1 ? <span aria-hidden="true" className="w-px grow bg-line" /> : null}
          </span>
          <span className="min-w-0 grow">
            <span className={phase.state === "waiting" ? "block text-fg-3" : "block font-medium"}>{phase.title}</span>
            {phase.detail ? <span className="block text-12 text-fg-2">{phase.detail}</span> : null}
          </span>
          {phase.end ? <span className="shrink-0 text-12 leading-5 text-fg-3">{phase.end}</span> : null}
        </li>
      ))}
    </ol>
  );
}

/** The same side by side, as the foot of a running job. */
export function PhaseStrip({ phases }: { phases: readonly Phase[] }) {
  return (
    <ol className="flex flex-col border-t border-line bg-sunken md:flex-row">
      {phases.map((phase) => (
        <li
          key={phase.title}
          className="flex min-h-9 grow basis-0 items-center gap-2 border-line px-4 not-last:border-b md:not-last:border-r md:not-last:border-b-0"
        >
          <PhaseSign phase={phase} />
          <span className={phase.state === "waiting" ? "text-fg-3" : "font-medium"}>{phase.title}</span>
          {phase.end ? <span className="ml-auto text-12 text-fg-3">{phase.end}</span> : null}
        </li>
      ))}
    </ol>
  );
}
