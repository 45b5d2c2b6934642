import { Check } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";
import { classNames } from "@/components/ui/class-names";

export interface CheckboxProps extends Omit<ComponentProps<"input">, "type" | "size"> {
  label: ReactNode;
  /** Dimmer line under the label. */
  hint?: ReactNode;
  /** The label is read aloud only. */
  hideLabel?: boolean;
}

export function Checkbox({ label, hint, hideLabel = false, className, ...rest }: CheckboxProps) {
  return (
    <label className={classNames("inline-flex items-start gap-2", rest.disabled ? "text-fg-3" : "cursor-pointer", className)}>
      <span className="relative mt-0.5 flex size-4 shrink-0">
        <input
          type="checkbox"
          className="peer size-4 cursor-[inherit] appearance-none rounded-[5px] border border-line-field bg-surface transition-colors duration-75 checked:border-accent checked:bg-accent disabled:border-line disabled:bg-hover"
          {...rest}
        />
        <Check aria-hidden className="pointer-events-none absolute inset-0 m-auto hidden size-3 stroke-[3]! text-on-accent peer-checked:block" />
      </span>
      <span className={hideLabel ? "sr-only" : undefined}>
        {label}
        {hint ? <span className="block text-12 text-fg-3">{hint}</span> : null}
      </span>
    </label>
  );
}
