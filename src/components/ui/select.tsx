import { ChevronDown } from "lucide-react";
import type { ComponentProps } from "react";
import { classNames } from "@/components/ui/class-names";
import type { FieldSize } from "@/components/ui/input";

export interface SelectProps extends Omit<ComponentProps<"select">, "size"> {
  fieldSize?: FieldSize;
  /** Read aloud; leave it out only when a <label> points here. */
  label?: string;
}

const sizes: Record<FieldSize, string> = { sm: "h-7 rounded-[7px] pr-7 pl-2.5 text-12", md: "h-8 pr-8 pl-2.5 text-13", lg: "h-10 pr-9 pl-3 text-14" };

/** The browser's own select, dressed: keyboard, screen readers and phones get what they know. */
export function Select({ fieldSize = "md", label, className, children, ...rest }: SelectProps) {
  return (
    <span className={classNames("relative inline-flex min-w-0", className)}>
      <select aria-label={label} className={classNames("field w-full appearance-none truncate font-medium", sizes[fieldSize])} {...rest}>
        {children}
      </select>
      <ChevronDown aria-hidden className="pointer-events-none absolute top-1/2 right-2.5 size-3.5 -translate-y-1/2 text-fg-2" />
    </span>
  );
}
