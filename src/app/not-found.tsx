import { NotFoundState } from "@/components/not-found-state";

/** For addresses that no route has: without the frame of the console. */
export default function NotFound() {
  return (
    <main className="flex min-h-dvh flex-col">
      <NotFoundState />
    </main>
  );
}
