import type { ReactNode } from "react";
import { classNames } from "@/components/ui/class-names";

export interface SegmentedOption<Value extends string> {
  value: Value;
  label: ReactNode;
  /** Needed when the label is only a sign. */
  name?: string;
  disabled?: boolean;
}

export interface SegmentedProps<Value extends string> {
  /** What is chosen here, read aloud: "View". */
  label: string;
  /** Unique on the page: the radio buttons inside share it. */
  name: string;
  value: Value;
  options: readonly SegmentedOption<Value>[];
  onChange: (value: Value) => void;
  className?: string;
}

/** Two to five choices side by side: radio buttons underneath, so arrows and screen readers work. */
export function Segmented<Value extends string>({ label, name, value, options, onChange, className }: SegmentedProps<Value>) {
  return (
    <div role="radiogroup" aria-label={label} className={classNames("inline-flex h-7 shrink-0 items-center rounded-lg bg-hover p-0.5", className)}>
      {options.map((option) => (
        <label
          key={option.value}
          title={option.name}
          className="inline-flex h-6 cursor-pointer items-center justify-center gap-1.5 rounded-[7px] border border-transparent px-2.5 text-12 font-medium text-fg-2 transition-colors duration-75 has-checked:border-line has-checked:bg-surface has-checked:text-fg has-focus-visible:outline-2 has-focus-visible:outline-offset-1 has-focus-visible:outline-accent has-disabled:cursor-default has-disabled:text-fg-3 hover:text-fg [&_svg]:size-3.5"
        >
          <input
            type="radio"
            className="sr-only"
            name={name}
            value={option.value}
            checked={option.value === value}
            disabled={option.disabled}
            aria-label={option.name}
            onChange={() => onChange(option.value)}
          />
          {option.label}
        </label>
      ))}
    </div>
  );
}
