/** Reads RFC 4180 text; a field without quotes that is empty is null. */
export function readCsv(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  let at = 0;
  while (at < text.length) {
    let field: string | null;
    if (text[at] === '"') {
      field = "";
      for (at += 1; ; at += 1) {
        const end = text.indexOf('"', at);
        if (end === -1) throw new Error("a quoted field has no end");
        field += text.slice(at, end);
        at = end + 1;
        if (text[at] !== '"') break;
        field += '"';
      }
    } else {
      const end = at + text.slice(at).search(/,|\r?\n|$/);
      field = end === at ? null : text.slice(at, end);
      at = end;
    }
    row.push(field);
    if (text[at] === ",") {
      at += 1;
      if (at === text.length) row.push(null);
      continue;
    }
    at += text.startsWith("\r\n", at) ? 2 : 1;
    rows.push(row);
    row = [];
  }
  return rows;
}

/** Rows as records by the names of the first line. */
export function csvRecords(text: string): Record<string, string | null>[] {
  const [head = [], ...rows] = readCsv(text);
  return rows.map((row) => Object.fromEntries(head.map((name, index) => [name ?? "", row[index] ?? null])));
}
