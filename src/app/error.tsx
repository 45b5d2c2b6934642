"use client";

/** A page outside the console's frame that could not be drawn. It takes nothing from the kit: every page would load it twice. */
export default function PageError({ error, reset }: { error: Error & { digest?: string }; reset: () => void }) {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-3 p-4 text-center">
      <h1 className="text-16 font-semibold">This page could not be shown</h1>
      <p className="text-fg-2">Nothing was changed. The log of the console has the reason{error.digest ? ` under ${error.digest}` : ""}.</p>
      <button type="button" className="h-8 rounded-lg bg-accent px-3 font-medium text-on-accent" onClick={reset}>
        Try again
      </button>
    </main>
  );
}
