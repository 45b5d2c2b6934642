"use client";
import { ErrorState } from "@/components/ui/states";

/** A page that could not be drawn. The frame around it stays. */
export default function PageError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <>
      <h1 className="sr-only">Error</h1>
      <ErrorState
        className="grow"
        title="This page could not be shown"
        fix="Nothing was changed. Try again; the log of the console has the reason under the number below."
        detail={error.digest}
        onRetry={reset}
      />
    </>
  );
}
