import { classNames } from "@/components/ui/class-names";

/** One key, or a chord in one box: `Ctrl K`. */
export function Kbd({ children, className }: { children: string; className?: string }) {
  return (
    <kbd
      className={classNames(
        "inline-flex h-5 min-w-5 items-center justify-center rounded-[5px] border border-line bg-surface px-1.5 font-sans text-11 font-medium text-fg-2",
        className,
      )}
    >
      {children}
    </kbd>
  );
}
