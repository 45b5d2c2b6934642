import type { ReadableError } from "@/components/query-error";
import { Note } from "@/components/ui/note";

/** Why what was just asked for was refused, and what to do. Nothing while there is no error. */
export function ErrorNote({ error }: { error: ReadableError | null | undefined }) {
  if (!error) return null;
  return (
    <Note tone="red" role="alert" title={error.message}>
      {error.data?.fix}
    </Note>
  );
}
