/** Reads the text format of PostgreSQL's COPY TO: lines of tab-separated fields, `\N` for NULL, backslash escapes. */

const LINE_FEED = 0x0a;

/** Turns a COPY stream into batches of rows. A last line without its line feed is a cut stream and throws. */
export async function* readCopyText(chunks: AsyncIterable<Buffer>): AsyncGenerator<(string | null)[][]> {
  let rest: Buffer[] = [];
  for await (const chunk of chunks) {
    const end = chunk.lastIndexOf(LINE_FEED);
    if (end === -1) {
      rest.push(chunk);
      continue;
    }
    const whole = rest.length === 0 ? chunk.subarray(0, end) : Buffer.concat([...rest, chunk.subarray(0, end)]);
    rest = end + 1 < chunk.length ? [chunk.subarray(end + 1)] : [];
    yield whole.toString("utf8").split("\n").map(readLine);
  }
  if (rest.length > 0) throw new Error("The stream of rows ended in the middle of a row");
}

const readLine = (line: string): (string | null)[] => {
  const fields: (string | null)[] = line.split("\t");
  if (!line.includes("\\")) return fields;
  return fields.map((field) => (field === null || field === "\\N" ? null : field.includes("\\") ? field.replace(/\\(.)/gs, unescape) : field));
};

const ESCAPES: Record<string, string> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };
const unescape = (_whole: string, escaped: string): string => ESCAPES[escaped] ?? escaped;
