import { classNames } from "@/components/ui/class-names";

export type Health = "ok" | "warn" | "down" | "unknown";

const looks: Record<Health, { colour: string; word: string }> = {
  ok: { colour: "bg-green", word: "healthy" },
  warn: { colour: "bg-amber", word: "to know" },
  down: { colour: "bg-red", word: "not connected" },
  unknown: { colour: "bg-grey-dot", word: "not checked yet" },
};

/** A dot of 8 px; the word is there for those who cannot see the colour. */
export function HealthDot({ health, label }: { health: Health; label?: string }) {
  const { colour, word } = looks[health];
  return (
    <span className={classNames("inline-block size-2 shrink-0 rounded-full", colour, health === "down" && "ring-2 ring-red-line")} title={label ?? word}>
      <span className="sr-only">{label ?? word}</span>
    </span>
  );
}
