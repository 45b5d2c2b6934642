/** PostgreSQL's names of encodings that a dump made elsewhere may be in, as the platform's decoder knows them. */
const DECODERS: Record<string, string> = {
  LATIN2: "iso-8859-2",
  LATIN3: "iso-8859-3",
  LATIN4: "iso-8859-4",
  LATIN5: "iso-8859-9",
  LATIN6: "iso-8859-10",
  LATIN7: "iso-8859-13",
  LATIN8: "iso-8859-14",
  LATIN9: "iso-8859-15",
  LATIN10: "iso-8859-16",
  ISO_8859_5: "iso-8859-5",
  ISO_8859_6: "iso-8859-6",
  ISO_8859_7: "iso-8859-7",
  ISO_8859_8: "iso-8859-8",
  KOI8R: "koi8-r",
  KOI8U: "koi8-u",
  WIN866: "ibm866",
  WIN874: "windows-874",
  EUC_JP: "euc-jp",
  EUC_KR: "euc-kr",
  EUC_CN: "gbk",
  SJIS: "shift_jis",
  BIG5: "big5",
  GBK: "gbk",
  GB18030: "gb18030",
};

/** `SET client_encoding = 'LATIN1';` of an archive's ENCODING entry. */
export const encodingOf = (definition: string | null): string => /'([^']*)'/.exec(definition ?? "")?.[1] ?? "UTF8";

/** Decodes text of this encoding; bytes that mean nothing become replacement characters. */
export function decoderOf(encoding: string): (bytes: Buffer) => string {
  if (encoding === "LATIN1") return (bytes) => bytes.toString("latin1");
  const label = DECODERS[encoding] ?? (/^WIN125\d$/.test(encoding) ? encoding.replace("WIN", "windows-") : null);
  if (label === null) return (bytes) => bytes.toString("utf8");
  const decoder = new TextDecoder(label);
  return (bytes) => decoder.decode(bytes);
}
