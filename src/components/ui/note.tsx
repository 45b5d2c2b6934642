import { CircleCheck, Info, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { classNames } from "@/components/ui/class-names";

export type NoteTone = "plain" | "green" | "amber" | "red";

const looks: Record<NoteTone, { box: string; icon: ReactNode }> = {
  plain: { box: "border-line bg-surface text-fg-2", icon: <Info aria-hidden className="text-fg-2" /> },
  green: { box: "border-green-line bg-green-soft text-green-text", icon: <CircleCheck aria-hidden className="text-green" /> },
  amber: { box: "border-amber-line bg-amber-soft text-amber-text", icon: <TriangleAlert aria-hidden className="text-amber" /> },
  red: { box: "border-red-line bg-red-soft text-red-text", icon: <TriangleAlert aria-hidden className="text-red-text" /> },
};

export interface NoteProps {
  tone?: NoteTone;
  /** Replaces the sign of the tone; null shows none. */
  icon?: ReactNode;
  title?: ReactNode;
  children?: ReactNode;
  /** A link or a button at the right end. */
  end?: ReactNode;
  className?: string;
  /** "alert" for what has just gone wrong, "status" for what has just gone well. */
  role?: "alert" | "status" | "note";
}

export function Note({ tone = "plain", icon, title, children, end, className, role = "note" }: NoteProps) {
  const look = looks[tone];
  return (
    <div role={role} className={classNames("flex items-start gap-3 rounded-lg border px-3 py-2.5 text-13", look.box, end && "max-md:flex-wrap", className)}>
      {icon === null ? null : <span className="mt-px flex shrink-0 [&_svg]:size-[18px]">{icon ?? look.icon}</span>}
      <div className={classNames("min-w-0 grow", end && "max-md:basis-60")}>
        {title ? <strong className="font-semibold">{title} </strong> : null}
        {children}
      </div>
      {end ? <div className="ml-auto flex shrink-0 items-center gap-2">{end}</div> : null}
    </div>
  );
}
