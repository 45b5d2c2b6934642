import type { ReactNode } from "react";
import { classNames } from "@/components/ui/class-names";

export interface KeyValue {
  label: string;
  value: ReactNode;
  /** Dimmer text after the value. */
  note?: ReactNode;
  mono?: boolean | undefined;
  badge?: ReactNode;
}

export interface KeyValueListProps {
  items: readonly KeyValue[];
  /** The values stand at the right edge. */
  ends?: boolean;
  /** More room for long labels. */
  wide?: boolean;
  className?: string;
}

/** Rows of 29 px: label left, value at a fixed place. */
export function KeyValueList({ items, ends = false, wide = false, className }: KeyValueListProps) {
  return (
    <dl className={classNames("py-1", className)}>
      {items.map((item) => (
        <div key={item.label} className="flex min-h-[29px] items-baseline gap-3 py-1">
          <dt className={classNames("shrink-0 text-fg-3", ends ? "grow" : wide ? "w-32 md:w-48" : "w-24")}>{item.label}</dt>
          <dd className={classNames("flex min-w-0 flex-wrap items-baseline gap-x-1.5", ends && "text-right font-medium")}>
            <span className={classNames("min-w-0 break-words", item.mono && "font-mono text-12")}>{item.value}</span>
            {item.note ? <span className="text-fg-3">{item.note}</span> : null}
            {item.badge ? <span className="self-center">{item.badge}</span> : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Facts side by side with hairlines between, on a phone two by two: the head of a backup or a key. */
export function FactStrip({ items, className }: { items: readonly { label: string; value: ReactNode }[]; className?: string }) {
  return (
    <dl className={classNames("grid grid-cols-2 gap-x-4 gap-y-3 md:flex md:flex-wrap md:gap-x-0", className)}>
      {items.map((item) => (
        <div key={item.label} className="min-w-0 border-line break-words md:mr-5 md:border-r md:pr-5 md:last:mr-0 md:last:border-r-0">
          <dt className="text-12 text-fg-3">{item.label}</dt>
          <dd className="font-medium">{item.value}</dd>
        </div>
      ))}
    </dl>
  );
}
