import "server-only";
import { AppError } from "@/server/errors";
import { LIMITS } from "@/server/limits";

/**
 * The chunks of a request's body. A sender that goes away or falls silent ends it with an error, also where the server's own stream
 * would wait for ever or end as if it were whole.
 * @throws AppError CANCELLED, TIMEOUT
 */
export async function* boundedBody(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      if (signal.aborted) throw goneAway();
      const next = await read(reader, signal);
      if (next.done) break;
      yield next.value;
    }
    if (signal.aborted) throw goneAway();
  } finally {
    // What was not read is not waited for.
    reader.cancel().catch(() => undefined);
  }
}

const goneAway = (): AppError => new AppError("CANCELLED", "The upload was broken off", { fix: "Send the file again; nothing of it was kept." });

function read(reader: ReadableStreamDefaultReader<Uint8Array>, signal: AbortSignal): Promise<ReadableStreamReadResult<Uint8Array>> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      clearTimeout(silence);
      signal.removeEventListener("abort", onAbort);
      act();
    };
    const onAbort = () => settle(() => reject(goneAway()));
    const silence = setTimeout(
      () => settle(() => reject(new AppError("TIMEOUT", `The upload sent nothing for ${LIMITS.uploadIdleMs / 1000} s`, { fix: "Send the file again." }))),
      LIMITS.uploadIdleMs,
    );
    signal.addEventListener("abort", onAbort, { once: true });
    reader.read().then(
      (result) => settle(() => resolve(result)),
      () => settle(() => reject(goneAway())),
    );
  });
}
