import type { ComponentProps } from "react";
import { classNames } from "@/components/ui/class-names";

/** A plain table: head 32, rows 36, cells 12 sideways, the outer ones 16; on a phone 8 and 12. Scrolls sideways inside its box, which takes the focus for that. */
export function Table({ label, className, children, ...rest }: ComponentProps<"table"> & { label: string }) {
  return (
    // relative: words for screen readers in a column out of sight must not make the page wider
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- a box that scrolls must be reachable by keyboard
    <div className="relative min-w-0 overflow-x-auto -outline-offset-2" tabIndex={0} role="region" aria-label={label}>
      <table className={classNames("w-full border-collapse text-13", className)} {...rest}>
        {children}
      </table>
    </div>
  );
}

export function TableHead({ className, ...rest }: ComponentProps<"thead">) {
  return <thead className={classNames("border-b border-line bg-sunken text-12 text-fg-3", className)} {...rest} />;
}

export interface CellProps {
  /** Numbers stand right, in tabular figures. */
  number?: boolean;
}

const sides = "px-2 first:pl-3 last:pr-3 md:px-3 md:first:pl-4 md:last:pr-4";

export function ColumnHead({ number = false, className, scope = "col", ...rest }: ComponentProps<"th"> & CellProps) {
  return <th scope={scope} className={classNames("h-8 font-medium whitespace-nowrap", sides, number ? "text-right" : "text-left", className)} {...rest} />;
}

/** The head of the last column, of buttons and menus: its name is for screen readers alone. */
export function ActionsHead() {
  return (
    <ColumnHead>
      <span className="sr-only">What to do</span>
    </ColumnHead>
  );
}

export interface TableRowProps extends ComponentProps<"tr"> {
  selected?: boolean;
  /** Rows of 33 px. */
  dense?: boolean;
  tone?: "red" | "amber" | undefined;
}

export function TableRow({ selected = false, dense = false, tone, className, ...rest }: TableRowProps) {
  return (
    <tr
      aria-selected={selected || undefined}
      className={classNames(
        "border-b border-line-soft last:border-b-0",
        dense ? "h-[33px]" : "h-9",
        selected ? "bg-accent-soft" : tone === "red" ? "bg-red-soft" : tone === "amber" ? "bg-amber-soft" : "hover:bg-hover",
        className,
      )}
      {...rest}
    />
  );
}

export function TableCell({ number = false, className, ...rest }: ComponentProps<"td"> & CellProps) {
  return <td className={classNames(sides, number && "text-right whitespace-nowrap", className)} {...rest} />;
}

/** The cell that names its row. */
export function RowHead({ className, ...rest }: ComponentProps<"th">) {
  return <th scope="row" className={classNames("py-1 text-left font-medium", sides, className)} {...rest} />;
}
