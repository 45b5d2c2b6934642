import type { ReactNode } from "react";

export interface PageHeaderProps {
  title: ReactNode;
  /** Badges right after the title. */
  badges?: ReactNode;
  /** Dimmer text after the title, or below it with `below`. */
  note?: ReactNode;
  below?: boolean;
  /** A way back before the title. */
  back?: ReactNode;
  /** Buttons at the right end: at most one primary. */
  end?: ReactNode;
}

export function PageHeader({ title, badges, note, below = false, back, end }: PageHeaderProps) {
  return (
    <header className="flex min-h-8 flex-wrap items-center gap-x-3 gap-y-2">
      <div className="flex min-w-0 items-start gap-3 max-md:gap-1">
        {back}
        <div className="min-w-0">
          <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1">
            <h1 className="min-w-0 text-20 font-semibold wrap-anywhere">{title}</h1>
            {badges}
            {note && !below ? <p className="text-13 text-fg-3">{note}</p> : null}
          </div>
          {note && below ? <p className="mt-0.5 text-13 text-fg-2">{note}</p> : null}
        </div>
      </div>
      {end ? <div className="flex flex-wrap items-center gap-3 text-12 text-fg-3 max-md:gap-2 md:ml-auto">{end}</div> : null}
    </header>
  );
}

/** What stands around a page: 24 sideways at home, 16 elsewhere, 12 on a phone. */
export function PageBody({ wide = false, children }: { wide?: boolean; children: ReactNode }) {
  return <div className={`flex flex-col gap-3 p-3 md:gap-4 ${wide ? "md:px-6 md:py-4" : "md:p-4"}`}>{children}</div>;
}
