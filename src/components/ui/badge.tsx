import { BadgeCheck, Check, CircleCheck, CircleX, Clock, Lock, Pencil, Star, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";
import { classNames } from "@/components/ui/class-names";
import { Ring } from "@/components/ui/ring";

export type Tone = "plain" | "sunken" | "green" | "amber" | "red" | "gold" | "accent";

export const toneClasses: Record<Tone, string> = {
  plain: "border-line bg-surface text-fg-2",
  sunken: "border-line bg-sunken text-fg-2",
  green: "border-green-line bg-green-soft text-green-text",
  amber: "border-amber-line bg-amber-soft text-amber-text",
  red: "border-red-line bg-red-soft text-red-text",
  gold: "border-gold-line bg-gold-soft text-gold-text",
  accent: "border-accent-line bg-accent-soft text-accent-text",
};

const shape =
  "inline-flex h-5 shrink-0 items-center gap-1 rounded-md border px-1.5 text-11 font-medium whitespace-nowrap [&_svg]:size-3 [&_svg.lucide]:stroke-2";

export interface BadgeProps {
  tone?: Tone;
  icon?: ReactNode;
  title?: string;
  children?: ReactNode;
  className?: string;
}

export function Badge({ tone = "plain", icon, title, children, className }: BadgeProps) {
  return (
    <span title={title} className={classNames(shape, toneClasses[tone], className)}>
      {icon}
      {children}
    </span>
  );
}

export type BadgeState =
  | "verified"
  | "proved"
  | "complete"
  | "running"
  | "failed"
  | "cancelled"
  | "queued"
  | "staged"
  | "waiting"
  | "write right"
  | "read only"
  | "fits"
  | "to know";

const states: Record<BadgeState, { tone: Tone; icon: ReactNode }> = {
  verified: { tone: "green", icon: <BadgeCheck aria-hidden /> },
  proved: { tone: "gold", icon: <Star aria-hidden className="fill-current" /> },
  complete: { tone: "plain", icon: <Check aria-hidden /> },
  running: { tone: "accent", icon: <Ring share={null} size={12} /> },
  failed: { tone: "red", icon: <CircleX aria-hidden /> },
  cancelled: { tone: "plain", icon: <CircleX aria-hidden /> },
  queued: { tone: "plain", icon: <Clock aria-hidden /> },
  staged: { tone: "amber", icon: null },
  waiting: { tone: "amber", icon: <Clock aria-hidden /> },
  "write right": { tone: "amber", icon: <Pencil aria-hidden /> },
  "read only": { tone: "plain", icon: <Lock aria-hidden /> },
  fits: { tone: "green", icon: <Check aria-hidden /> },
  "to know": { tone: "amber", icon: <TriangleAlert aria-hidden /> },
};

/** A state in one word, with its colour and its sign. `children` replaces the word, the sign stays. */
export function StateBadge({ state, title, children }: { state: BadgeState; title?: string; children?: ReactNode }) {
  const { tone, icon } = states[state];
  return (
    <Badge tone={tone} icon={icon} {...(title === undefined ? {} : { title })}>
      {children ?? state}
    </Badge>
  );
}

export type Environment = "production" | "staging" | "development";

/**
 * Where one is. `solid` in the shell, titles and confirm pages; soft in lists and cards.
 * Only production has a solid form: nothing else may shout.
 */
export function EnvironmentLabel({ environment, solid = false }: { environment: Environment; solid?: boolean }) {
  if (environment === "production" && solid) {
    return <span className={classNames(shape, "border-transparent bg-red px-2 text-on-red")}>{environment}</span>;
  }
  const tone = { production: "red", staging: "amber", development: "plain" } as const;
  return <Badge tone={tone[environment]}>{environment}</Badge>;
}

export function CountBadge({ children, tone = "sunken" }: { children: ReactNode; tone?: Tone }) {
  return <Badge tone={tone}>{children}</Badge>;
}

/** A type name in mono: hash, stream, ObjectId. */
export function TypeBadge({ children, small = false, className }: { children: ReactNode; small?: boolean; className?: string }) {
  return (
    <span
      className={classNames(
        "inline-flex shrink-0 items-center justify-center rounded-[5px] border border-line bg-sunken font-mono font-medium whitespace-nowrap text-fg-2",
        small ? "h-4 px-1 text-10" : "h-[18px] px-1.5 text-11",
        className,
      )}
    >
      {children}
    </span>
  );
}

const changing = new Set(["write", "restore", "administer"]);

/** An audit action: those that change data stand out. */
export function ActionBadge({ action }: { action: string }) {
  return <Badge tone={changing.has(action) ? "amber" : "sunken"}>{action}</Badge>;
}

/** "allowed", "equal": a green check and a word, without a box. */
export function PassMark({ children, failed = false }: { children: ReactNode; failed?: boolean }) {
  return (
    <span className="inline-flex items-center gap-1 whitespace-nowrap">
      {failed ? <CircleX aria-hidden className="size-3.5 text-red" /> : <CircleCheck aria-hidden className="size-3.5 text-green" />}
      <span className={failed ? "text-red-text" : undefined}>{children}</span>
    </span>
  );
}
