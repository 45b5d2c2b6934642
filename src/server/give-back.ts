import "server-only";

/**
 * Gives the memory of a chunk back now and not at the next collection. Chunks of a stream count as memory outside the heap, and V8 answers
 * every few megabytes of that with a collection of the whole heap: beside a dump of 180 MB those took a second of processor time.
 * Only for a chunk that nobody reads any more and that has its buffer for itself; one that shares it is left alone.
 */
export function giveBack(chunk: Buffer): void {
  if (chunk.byteOffset === 0 && chunk.byteLength === chunk.buffer.byteLength) release(chunk.buffer);
}

/** The same for the pieces of a buffer that is filled from its start to its end: when the last one has been read. */
export function giveBackLast(piece: Buffer): void {
  if (piece.byteOffset + piece.byteLength === piece.buffer.byteLength) release(piece.buffer);
}

function release(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** The same bytes in larger chunks: each costs a turn of a thread to write, to hash and to inflate, whatever its size. */
export async function* inBatches(chunks: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let batch = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(batch, filled, at);
      at += copied;
      filled += copied;
      if (filled < bytes) continue;
      yield batch;
      batch = Buffer.allocUnsafeSlow(bytes);
      filled = 0;
    }
    giveBack(chunk);
  }
  if (filled > 0) yield batch.subarray(0, filled);
}
