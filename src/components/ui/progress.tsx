import { classNames } from "@/components/ui/class-names";

export interface ProgressProps {
  /** 0 to 1; null while the whole is not known: the bar stays empty and says so. */
  share: number | null;
  /** What is under way, read aloud. */
  label: string;
  size?: "thin" | "md";
  tone?: "accent" | "grey" | "green" | "amber" | "red";
  className?: string;
}

const fills = { accent: "fill-accent", grey: "fill-grey-dot", green: "fill-green", amber: "fill-amber", red: "fill-red" };

/** A bar whose width is an SVG attribute: server-rendered markup carries no style attributes. */
export function Progress({ share, label, size = "md", tone = "accent", className }: ProgressProps) {
  const percent = share === null ? 0 : Math.min(100, Math.max(0, share * 100));
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(share === null ? { "aria-valuetext": "not known yet" } : { "aria-valuenow": Math.round(percent) })}
      className={classNames("w-full overflow-hidden rounded-full bg-bar-2", size === "thin" ? "h-1" : "h-1.5", className)}
    >
      <svg width="100%" height="100%" aria-hidden="true" className="block">
        <rect width={`${percent.toFixed(2)}%`} height="100%" rx="3" className={classNames("transition-[width] duration-150 ease-linear", fills[tone])} />
      </svg>
    </div>
  );
}

export interface SharePart {
  label: string;
  /** 0 to 1. */
  share: number;
  tone: "bar" | "amber" | "grey" | "green" | "red";
}

const partFills = { bar: "fill-bar", amber: "fill-amber", grey: "fill-grey-dot", green: "fill-green", red: "fill-red" };

/** Shares of a whole in one bar of 6 px, as the inferred schema shows types. The legend below says the same in words. */
export function ShareBar({ parts, className }: { parts: readonly SharePart[]; className?: string }) {
  const startOf = (index: number): number => parts.slice(0, index).reduce((sum, part) => sum + part.share, 0);
  return (
    <svg width="100%" height="6" aria-hidden="true" className={classNames("block rounded-full bg-bar-2", className)}>
      {parts.map((part, index) => (
        <rect
          key={part.label}
          x={`${(startOf(index) * 100).toFixed(2)}%`}
          width={`${(part.share * 100).toFixed(2)}%`}
          height="6"
          className={partFills[part.tone]}
        />
      ))}
    </svg>
  );
}
