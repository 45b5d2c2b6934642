import { classNames } from "@/components/ui/class-names";

export function initialsOf(name: string): string {
  const words = name
    .trim()
    .split(/[\s.@_-]+/u)
    .filter(Boolean);
  const letters = words.length > 1 ? [words[0], words[words.length - 1]] : [words[0]];
  return letters
    .map((word) => [...(word ?? "?")][0] ?? "?")
    .join("")
    .toUpperCase();
}

/** Initials in a circle; the name always stands beside it or in a label, so it is decoration. */
export function Avatar({ name, size = "md" }: { name: string; size?: "sm" | "md" }) {
  return (
    <span
      aria-hidden="true"
      className={classNames(
        "inline-flex shrink-0 items-center justify-center rounded-full border border-line bg-hover font-semibold text-fg-2",
        size === "sm" ? "size-5 text-[9px]" : "size-7 text-11",
      )}
    >
      {initialsOf(name)}
    </span>
  );
}
