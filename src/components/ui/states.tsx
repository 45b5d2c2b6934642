import { CircleX, Inbox, RefreshCw, Unplug } from "lucide-react";
import type { ReactNode } from "react";
import { Button } from "@/components/ui/button";
import { classNames } from "@/components/ui/class-names";
import { CopyButton } from "@/components/ui/copy-button";

interface StateProps {
  icon: ReactNode;
  title: ReactNode;
  children?: ReactNode;
  /** Between the words and the buttons. */
  detail?: ReactNode;
  actions?: ReactNode;
  className?: string | undefined;
  role?: "alert" | undefined;
}

function State({ icon, title, children, detail, actions, className, role }: StateProps) {
  return (
    <div role={role} className={classNames("flex flex-col items-center justify-center gap-4 px-6 py-14 text-center", className)}>
      <span className="flex size-10 items-center justify-center rounded-lg border border-line bg-sunken [&_svg]:size-5">{icon}</span>
      <div className="flex max-w-[44ch] flex-col gap-1">
        <p className="text-14 font-semibold break-words">{title}</p>
        {children ? <div className="text-13 text-fg-2">{children}</div> : null}
      </div>
      {detail}
      {actions ? <div className="flex flex-wrap justify-center gap-2">{actions}</div> : null}
    </div>
  );
}

export interface EmptyStateProps {
  /** One sentence. */
  title: ReactNode;
  children?: ReactNode;
  icon?: ReactNode;
  /** The one useful thing to do. */
  action?: ReactNode;
  className?: string;
}

export function EmptyState({ title, children, icon, action, className }: EmptyStateProps) {
  return (
    <State icon={icon ?? <Inbox aria-hidden className="text-fg-2" />} title={title} actions={action} className={className}>
      {children}
    </State>
  );
}

export interface ErrorStateProps {
  /** What happened, and to what. */
  title: ReactNode;
  /** What to do. */
  fix?: ReactNode;
  /** The engine's own code and the request id: shown in mono, can be copied. */
  detail?: string | undefined;
  onRetry?: (() => void) | undefined;
  retrying?: boolean;
  /** Other ways out, before "Try again". */
  actions?: ReactNode;
  className?: string;
}

export function ErrorState({ title, fix, detail, onRetry, retrying = false, actions, className }: ErrorStateProps) {
  return (
    <State
      role="alert"
      icon={<CircleX aria-hidden className="text-red-text" />}
      title={title}
      className={className}
      detail={
        detail ? (
          <div className="flex max-w-full items-center gap-2 rounded-md border border-line bg-sunken py-0.5 pr-1 pl-3">
            <code className="min-w-0 font-mono text-12 break-words text-fg-2">{detail}</code>
            <CopyButton text={detail} label="Copy the details" size="xs" />
          </div>
        ) : null
      }
      actions={
        <>
          {actions}
          {onRetry ? <RetryButton onRetry={onRetry} busy={retrying} /> : null}
        </>
      }
    >
      {fix}
    </State>
  );
}

export interface NotConnectedStateProps {
  /** "db1.prod:5432 refuses the connection" */
  title: ReactNode;
  /** Why, and what to do. */
  fix?: ReactNode;
  /** "ECONNREFUSED since 09:37:20" */
  detail?: ReactNode;
  /** "next try in 12 s" */
  next?: ReactNode;
  onRetry?: (() => void) | undefined;
  retrying?: boolean;
  actions?: ReactNode;
  className?: string;
}

export function NotConnectedState({ title, fix, detail, next, onRetry, retrying = false, actions, className }: NotConnectedStateProps) {
  return (
    <State
      role="alert"
      icon={<Unplug aria-hidden className="text-amber" />}
      title={title}
      className={className}
      detail={
        detail || next ? (
          <p className="flex max-w-full flex-wrap items-center justify-center gap-x-3 text-12 text-fg-2">
            {detail ? (
              <span className="inline-flex min-w-0 items-center gap-1.5 break-words">
                <span aria-hidden="true" className="size-2 shrink-0 rounded-full bg-red" />
                {detail}
              </span>
            ) : null}
            {next ? <span className="text-fg-3">{next}</span> : null}
          </p>
        ) : null
      }
      actions={
        <>
          {actions}
          {onRetry ? <RetryButton onRetry={onRetry} busy={retrying} /> : null}
        </>
      }
    >
      {fix}
    </State>
  );
}

function RetryButton({ onRetry, busy }: { onRetry: () => void; busy: boolean }) {
  return (
    <Button variant="primary" busy={busy} onClick={onRetry}>
      {busy ? null : <RefreshCw aria-hidden />}
      Try again
    </Button>
  );
}
