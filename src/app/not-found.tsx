/** For addresses that no route has: without the frame of the console, and without its kit, which every page would load twice. */
export default function NotFound() {
  return (
    <main className="flex min-h-dvh flex-col items-center justify-center gap-3 p-4 text-center">
      <h1 className="text-16 font-semibold">There is no such page</h1>
      <p className="text-fg-2">It was removed or renamed, or your role does not reach it.</p>
      <a className="font-medium text-accent-text underline" href="/">
        Home
      </a>
    </main>
  );
}
