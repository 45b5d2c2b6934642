import type { ReadableError } from "@/components/query-error";
import { Note } from "@/components/ui/note";

/** On a phone what was pressed may stand far from where the answer is. */
const intoView = (node: HTMLElement | null): void => node?.scrollIntoView({ block: "nearest" });

/** Why what was just asked for was refused, and what to do. Nothing while there is no error. */
export function ErrorNote({ error }: { error: ReadableError | null | undefined }) {
  if (!error) return null;
  return (
    <div ref={intoView}>
      <Note tone="red" role="alert" title={error.message}>
        {error.data?.fix}
      </Note>
    </div>
  );
}
