import { classNames } from "@/components/ui/class-names";

export interface RingProps {
  /** 0 to 1; null while the share is not known. */
  share: number | null;
  size?: number;
  /** Read aloud; without it the ring is decoration. */
  label?: string;
  className?: string;
}

const radius = 6.75;
const around = 2 * Math.PI * radius;

/** Progress as a ring of 16 px. An unknown share is a still quarter: nothing spins. */
export function Ring({ share, size = 16, label, className }: RingProps) {
  const shown = share === null ? 0.25 : Math.min(1, Math.max(0, share));
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 16 16"
      className={classNames("shrink-0 -rotate-90", className)}
      {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })}
    >
      <circle cx="8" cy="8" r={radius} fill="none" strokeWidth="2.5" className="stroke-line" />
      <circle
        cx="8"
        cy="8"
        r={radius}
        fill="none"
        strokeWidth="2.5"
        strokeLinecap="round"
        strokeDasharray={`${(shown * around).toFixed(2)} ${around.toFixed(2)}`}
        className="stroke-accent transition-[stroke-dasharray] duration-150 ease-linear"
      />
    </svg>
  );
}

/** The running sign inside a button: takes the colour of the text beside it. */
export function RunningMark() {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" className="shrink-0 animate-spin motion-reduce:animate-none">
      <circle cx="8" cy="8" r="6" fill="none" strokeWidth="2" stroke="currentColor" strokeOpacity="0.3" />
      <path d="M8 2 a6 6 0 0 1 6 6" fill="none" strokeWidth="2" strokeLinecap="round" stroke="currentColor" />
    </svg>
  );
}
