import type { ComponentProps, ReactNode } from "react";
import { classNames } from "@/components/ui/class-names";

export function Panel({ className, ...rest }: ComponentProps<"section">) {
  return <section className={classNames("min-w-0 overflow-hidden rounded-lg border border-line bg-surface", className)} {...rest} />;
}

export interface PanelHeadProps {
  title: ReactNode;
  /** A sign before the title. */
  icon?: ReactNode;
  /** A count or a badge right after the title. */
  badge?: ReactNode;
  /** Dimmer text after the title. */
  note?: ReactNode;
  /** Links and buttons at the right end. */
  end?: ReactNode;
  /** Level of the heading for screen readers. */
  level?: 2 | 3;
  /** Without the line under it, where a table head follows. */
  plain?: boolean;
  id?: string;
}

export function PanelHead({ title, icon, badge, note, end, level = 2, plain = false, id }: PanelHeadProps) {
  const Heading = level === 2 ? "h2" : "h3";
  return (
    <div className={classNames("flex min-h-11 flex-wrap items-center gap-x-2 gap-y-1 py-1.5 pr-3 pl-4", !plain && "border-b border-line")}>
      {icon ? <span className="flex text-fg-2 [&_svg]:size-4">{icon}</span> : null}
      <Heading id={id} className="text-14 font-semibold">
        {title}
      </Heading>
      {badge}
      {note ? <span className="min-w-0 text-12 text-fg-3">{note}</span> : null}
      {end ? <div className="ml-auto flex items-center gap-2 text-12 text-fg-3">{end}</div> : null}
    </div>
  );
}

export function PanelBody({ className, ...rest }: ComponentProps<"div">) {
  return <div className={classNames("p-4", className)} {...rest} />;
}

export function PanelFoot({ className, ...rest }: ComponentProps<"div">) {
  return <div className={classNames("flex min-h-8 items-center gap-3 border-t border-line px-4 text-12 text-fg-3", className)} {...rest} />;
}

export interface ListRowProps {
  icon?: ReactNode;
  title: ReactNode;
  /** Second line, dimmer. */
  detail?: ReactNode;
  /** Right end: age, badge, link. */
  end?: ReactNode;
  className?: string;
}

/** A row of two lines with a sign, in a `<ul>`: warnings, jobs, checks, things that need attention. */
export function ListRow({ icon, title, detail, end, className }: ListRowProps) {
  return (
    <li className={classNames("flex min-h-12 items-center gap-3 border-b border-line-soft px-4 py-2 last:border-b-0", className)}>
      {icon ? <span className="flex shrink-0 [&_svg]:size-4">{icon}</span> : null}
      <div className="min-w-0 grow">
        <p className="font-medium">{title}</p>
        {detail ? <p className="text-12 text-fg-2">{detail}</p> : null}
      </div>
      {end ? <div className="flex shrink-0 items-center gap-4 text-12 text-fg-3">{end}</div> : null}
    </li>
  );
}
