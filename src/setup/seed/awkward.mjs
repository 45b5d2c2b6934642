/**
 * The awkward values that the seed puts into every engine, and exactly what reading them must give. One list: the seed writes
 * from it, the tests compare with it. Plain JSON data, so that browser tests can import it too.
 */

/** One text of 1 MiB that does not compress to nothing and shows where a piece of it is missing. */
export const megabyteText = Array.from({ length: 65_536 }, (_, index) => `line ${String(index).padStart(9, "0")}\n `).join("");

export const rightToLeftText = "שלום עולם — مرحبا بالعالم, 123";
export const emojiText = "👩‍👩‍👧‍👦 🏳️‍🌈 café 𝄞 \u202Egnirts\u202C";

/** Names that break careless quoting: of tables, columns, keys, collections and fields. */
export const awkwardNames = [
  'double " quote',
  "single ' quote",
  "with space",
  "$dollar",
  "emoji 📚",
  "עברית",
  "<img src=x onerror=window.x=1>",
  "Robert'); DROP TABLE books;--",
  "back\\slash",
  "percent %s %2F",
  "MixedCase",
  "select",
  "line\nbreak",
  "slash/and?query&more#hash",
  "dot.dot",
];
/** MongoDB takes no `$` in a collection's name. */
export const awkwardCollectionNames = awkwardNames.filter((name) => !name.includes("$"));

// ---------------------------------------------------------------------------------------------------------------- PostgreSQL

/** Columns of table public.awkward_values, beside `id` and `label`. */
export const postgresColumns = {
  as_smallint: "smallint",
  as_integer: "integer",
  as_bigint: "bigint",
  as_numeric: "numeric",
  as_money_exact: "numeric(38,18)",
  as_real: "real",
  as_double: "double precision",
  as_text: "text",
  as_varchar: "varchar(20)",
  as_char: "char(5)",
  as_bytea: "bytea",
  as_boolean: "boolean",
  as_date: "date",
  as_time: "time",
  as_timetz: "timetz",
  as_timestamp: "timestamp",
  as_timestamptz: "timestamptz",
  as_interval: "interval",
  as_json: "json",
  as_jsonb: "jsonb",
  as_uuid: "uuid",
  as_inet: "inet",
  as_bits: "varbit",
  as_point: "point",
  as_range: "int8range",
  as_multirange: "nummultirange",
  as_tsvector: "tsvector",
  as_integers: "integer[]",
  as_texts: "text[]",
  as_matrix: "numeric[][]",
  as_mood: "mood",
  as_moods: "mood[]",
  as_address: "address",
  as_addresses: "address[]",
  as_domain: "isbn",
};

/**
 * `text` is what PostgreSQL itself prints with TimeZone UTC, DateStyle ISO, extra_float_digits 1 and bytea_output hex; null is NULL.
 * All other columns of the row are NULL. Row ids count from 1 in this order. Multiranges need PostgreSQL 14, infinite numerics too.
 * @type {{label: string, column: keyof typeof postgresColumns, text: string | null, from?: number}[]}
 */
export const postgresValues = [
  { label: "smallest smallint", column: "as_smallint", text: "-32768" },
  { label: "largest integer", column: "as_integer", text: "2147483647" },
  { label: "largest bigint", column: "as_bigint", text: "9223372036854775807" },
  { label: "smallest bigint", column: "as_bigint", text: "-9223372036854775808" },
  { label: "first integer a double cannot hold", column: "as_bigint", text: "9007199254740993" },
  { label: "numeric with trailing zeros", column: "as_numeric", text: "1.10" },
  { label: "numeric of 60 digits", column: "as_numeric", text: "123456789012345678901234567890.123456789012345678901234567890" },
  { label: "numeric NaN", column: "as_numeric", text: "NaN" },
  { label: "numeric infinity", column: "as_numeric", text: "-Infinity", from: 14 },
  { label: "numeric(38,18)", column: "as_money_exact", text: "-12345678901234567890.123456789012345678" },
  { label: "smallest numeric(38,18)", column: "as_money_exact", text: "0.000000000000000001" },
  { label: "real", column: "as_real", text: "3.4028235e+38" },
  { label: "a third", column: "as_double", text: "0.3333333333333333" },
  { label: "sum that is not 0.3", column: "as_double", text: "0.30000000000000004" },
  { label: "negative zero", column: "as_double", text: "-0" },
  { label: "double NaN", column: "as_double", text: "NaN" },
  { label: "double infinity", column: "as_double", text: "Infinity" },
  { label: "smallest double", column: "as_double", text: "5e-324" },
  { label: "NULL", column: "as_text", text: null },
  { label: "empty text", column: "as_text", text: "" },
  { label: "the word NULL", column: "as_text", text: "NULL" },
  { label: "emoji", column: "as_text", text: emojiText },
  { label: "right-to-left", column: "as_text", text: rightToLeftText },
  { label: "line ends and tabs", column: "as_text", text: "one\r\ntwo\n\tthree\\N\u0007" },
  { label: "spaces around", column: "as_text", text: "  padded  " },
  { label: "markup", column: "as_text", text: "<img src=x onerror=window.x=1><script>window.x=1</script>" },
  { label: "spreadsheet formula", column: "as_text", text: '=HYPERLINK("http://127.0.0.1:9/","x")' },
  { label: "quotes and commas", column: "as_text", text: 'a "quoted", comma; it\'s' },
  { label: "1 MiB of text", column: "as_text", text: megabyteText },
  { label: "varchar", column: "as_varchar", text: "twenty 字符 long" },
  { label: "char is padded", column: "as_char", text: "ab   " },
  { label: "bytes with NUL", column: "as_bytea", text: "\\x00ff00c3280a" },
  { label: "no bytes", column: "as_bytea", text: "\\x" },
  { label: "false", column: "as_boolean", text: "f" },
  { label: "date before Christ", column: "as_date", text: "0001-12-31 BC" },
  { label: "date infinity", column: "as_date", text: "infinity" },
  { label: "latest date", column: "as_date", text: "5874897-12-31" },
  { label: "end of the day", column: "as_time", text: "24:00:00" },
  { label: "time with microseconds", column: "as_time", text: "23:59:59.999999" },
  { label: "time with odd offset", column: "as_timetz", text: "12:00:00.000001+05:45" },
  { label: "timestamp with microseconds", column: "as_timestamp", text: "2024-02-29 23:59:59.123456" },
  { label: "timestamp infinity", column: "as_timestamp", text: "infinity" },
  { label: "timestamptz with microseconds", column: "as_timestamptz", text: "1999-12-31 23:59:59.999999+00" },
  { label: "timestamptz minus infinity", column: "as_timestamptz", text: "-infinity" },
  { label: "interval of every unit", column: "as_interval", text: "1 year 2 mons -3 days +04:05:06.000007" },
  { label: "json with duplicate keys and a big number", column: "as_json", text: '{"a":1, "a":2,  "big":12345678901234567890.0123456789, "z":null}' },
  { label: "json null is not NULL", column: "as_json", text: "null" },
  { label: "jsonb with a big number", column: "as_jsonb", text: '{"a": 2, "bb": [1, 1.10, "1.10"], "big": 12345678901234567890.0123456789}' },
  { label: "uuid", column: "as_uuid", text: "00000000-0000-4000-8000-0000000000ff" },
  { label: "IPv6 network", column: "as_inet", text: "2001:db8::1/64" },
  { label: "bits", column: "as_bits", text: "1010001" },
  { label: "point", column: "as_point", text: "(-0,1e+300)" },
  { label: "empty range", column: "as_range", text: "empty" },
  { label: "open range", column: "as_range", text: "[9223372036854775806,)" },
  { label: "multirange", column: "as_multirange", text: "{[1.10,2.20),(3,4]}", from: 14 },
  { label: "tsvector", column: "as_tsvector", text: "'book':2A 'quiet':1" },
  { label: "array with NULL and bounds", column: "as_integers", text: "[0:2]={1,NULL,3}" },
  { label: "array of texts", column: "as_texts", text: '{NULL,"NULL","","a \\"b\\"","c,d","{e}","back\\\\slash"}' },
  { label: "empty array", column: "as_texts", text: "{}" },
  { label: "nested array", column: "as_matrix", text: "{{1.10,NaN},{NULL,-0.5}}" },
  { label: "enum", column: "as_mood", text: "it's complicated" },
  { label: "array of enums", column: "as_moods", text: '{calm,"it\'s complicated"}' },
  { label: "composite", column: "as_address", text: '("12, ""High"" St.","",)' },
  { label: "array of composites", column: "as_addresses", text: '{"(\\"a b\\",Cork,1)","(,,)"}' },
  { label: "domain", column: "as_domain", text: "9781000000000" },
];

// -------------------------------------------------------------------------------------------------------------------- SQLite

/**
 * Table awkward_values(id, label, value) with a column without type. `sql` writes it; `storage` is typeof(value); `hex` is
 * hex(CAST(value AS BLOB)) for texts that are not plain and for blobs; `text` is the exact value: integers in decimal, reals in the
 * shortest form that gives the same double.
 * @type {{label: string, sql: string, storage: "integer" | "real" | "text" | "blob" | "null", text?: string, hex?: string}[]}
 */
export const sqliteValues = [
  { label: "largest integer", sql: "9223372036854775807", storage: "integer", text: "9223372036854775807" },
  { label: "smallest integer", sql: "-9223372036854775808", storage: "integer", text: "-9223372036854775808" },
  { label: "first integer a double cannot hold", sql: "9007199254740993", storage: "integer", text: "9007199254740993" },
  { label: "real one", sql: "1.0", storage: "real", text: "1" },
  { label: "sum that is not 0.3", sql: "0.1 + 0.2", storage: "real", text: "0.30000000000000004" },
  { label: "infinity", sql: "9e999", storage: "real", text: "Infinity" },
  { label: "minus infinity", sql: "-9e999", storage: "real", text: "-Infinity" },
  { label: "smallest real", sql: "4.9406564584124654e-324", storage: "real", text: "5e-324" },
  { label: "NULL", sql: "NULL", storage: "null" },
  { label: "empty text", sql: "''", storage: "text", text: "" },
  { label: "number as text", sql: "'0012'", storage: "text", text: "0012" },
  { label: "emoji", sql: quoted(emojiText), storage: "text", text: emojiText },
  { label: "right-to-left", sql: quoted(rightToLeftText), storage: "text", text: rightToLeftText },
  { label: "markup", sql: "'<img src=x onerror=window.x=1>'", storage: "text", text: "<img src=x onerror=window.x=1>" },
  { label: "text with NUL", sql: "CAST(x'610062' AS TEXT)", storage: "text", hex: "610062" },
  { label: "text that is not UTF-8", sql: "CAST(x'61ff62' AS TEXT)", storage: "text", hex: "61FF62" },
  { label: "1 MiB of text", sql: quoted(megabyteText), storage: "text", text: megabyteText },
  { label: "bytes with NUL", sql: "x'00ff00c3280a'", storage: "blob", hex: "00FF00C3280A" },
  { label: "no bytes", sql: "x''", storage: "blob", hex: "" },
];

function quoted(text) {
  return `'${text.replaceAll("'", "''")}'`;
}

// --------------------------------------------------------------------------------------------------------------------- Redis

/** Bytes as `{text}` when they are UTF-8, else `{base64}`. Scores as the shortest text of the double; Redis before 7.2 prints more digits of the same one. */
const binary = (hex) => ({ base64: hexToBase64(hex) });
const text = (value) => ({ text: value });

function hexToBase64(hex) {
  let raw = "";
  for (let index = 0; index < hex.length; index += 2) raw += String.fromCharCode(Number.parseInt(hex.slice(index, index + 2), 16));
  return btoa(raw);
}

/**
 * Keys beside those of the bookshop. Strings have `value`, lists and sets `items`, hashes `fields`, sorted sets `members` with scores.
 * @typedef {{text: string} | {base64: string}} Bytes
 * @type {{database: number, label: string, key: Bytes, type: "string" | "list" | "set" | "zset" | "hash", value?: Bytes, items?: Bytes[], fields?: [Bytes, Bytes][], members?: [Bytes, string][], expiresInSeconds?: number}[]}
 */
export const redisValues = [
  { database: 0, label: "largest integer", key: text("awkward:int64"), type: "string", value: text("9223372036854775807") },
  { database: 0, label: "beyond int64", key: text("awkward:bignum"), type: "string", value: text("18446744073709551616") },
  { database: 0, label: "empty string", key: text("awkward:empty"), type: "string", value: text("") },
  { database: 0, label: "emoji", key: text("awkward:emoji"), type: "string", value: text(emojiText) },
  { database: 0, label: "right-to-left", key: text("awkward:rtl"), type: "string", value: text(rightToLeftText) },
  { database: 0, label: "1 MiB of text", key: text("awkward:1MiB"), type: "string", value: text(megabyteText) },
  { database: 0, label: "bytes with NUL, not UTF-8", key: text("awkward:bytes"), type: "string", value: binary("00ff00c3280a80") },
  { database: 0, label: "a byte order mark", key: text("awkward:bom"), type: "string", value: binary("efbbbf61") },
  {
    database: 0,
    label: "JSON with duplicate keys",
    key: text("awkward:json"),
    type: "string",
    value: text('{"a":1,"a":2,"big":12345678901234567890.0123456789}'),
  },
  { database: 0, label: "key that is not UTF-8", key: binary("6b65793aff00fe"), type: "string", value: text("its key is bytes") },
  { database: 0, label: "key that is only NUL", key: text("\u0000"), type: "string", value: text("its key is one zero byte") },
  { database: 0, label: "empty key", key: text(""), type: "string", value: text("its key is empty") },
  { database: 0, label: "key of pattern signs", key: text("awkward:*?[a-z]\\"), type: "string", value: text("its key is a pattern") },
  { database: 0, label: "expires in 30 days", key: text("awkward:expires"), type: "string", value: text("not yet"), expiresInSeconds: 30 * 86_400 },
  {
    database: 0,
    label: "list with repeats and empty",
    key: text("awkward:list"),
    type: "list",
    items: [text("b"), text(""), text("b"), binary("ff00"), text("📚")],
  },
  { database: 0, label: "set with bytes", key: text("awkward:set"), type: "set", items: [text(""), text("1"), text("01"), binary("ff00")] },
  {
    database: 0,
    label: "set of integers",
    key: text("awkward:intset"),
    type: "set",
    items: [text("-9223372036854775808"), text("9223372036854775807"), text("0")],
  },
  {
    database: 0,
    label: "hash with odd fields",
    key: text("awkward:hash"),
    type: "hash",
    fields: [
      [text(""), text("empty field")],
      [text("empty value"), text("")],
      [binary("ff00"), binary("00ff")],
      ...awkwardNames.map((name) => [text(name), text(name)]),
    ],
  },
  {
    database: 0,
    label: "scores",
    key: text("awkward:zset"),
    type: "zset",
    members: [
      // First, and longer than 64 bytes: a short set would keep -0 as 0.
      [text("a long member, so that Redis stores the scores as doubles, not as a compact list"), "1.5"],
      [text("minus infinity"), "-inf"],
      [text("minus zero"), "-0"],
      [text("zero"), "0"],
      [text("a tenth"), "0.1"],
      [text("beyond 2^53"), "9007199254740992"],
      [text("large"), "1.0000000000000001e+308"],
      [binary("ff00"), "inf"],
    ],
  },
  { database: 3, label: "same name in another database", key: text("awkward:int64"), type: "string", value: text("-9223372036854775808") },
];

// ------------------------------------------------------------------------------------------------------------------- MongoDB

const long = (digits) => ({ $numberLong: digits });
const int = (value) => ({ $numberInt: String(value) });
const double = (digits) => ({ $numberDouble: digits });
const decimal = (digits) => ({ $numberDecimal: digits });
const bytes = (hex, subType) => ({ $binary: { base64: hexToBase64(hex), subType } });

/**
 * Values of collection awkward_values: documents {_id: <int32, from 1>, label, value}, in canonical Extended JSON. A server may refuse
 * some (SecantusDB knows no dates outside the years 1 to 9999): those are not there, the others are exact.
 * @type {{label: string, value: unknown}[]}
 */
export const mongodbValues = [
  { label: "largest long", value: long("9223372036854775807") },
  { label: "smallest long", value: long("-9223372036854775808") },
  { label: "small long is not an int", value: long("1") },
  { label: "int", value: int(-2147483648) },
  { label: "whole double is not an int", value: double("1.0") },
  { label: "sum that is not 0.3", value: double("0.30000000000000004") },
  { label: "minus zero", value: double("-0.0") },
  { label: "NaN", value: double("NaN") },
  { label: "infinity", value: double("-Infinity") },
  { label: "decimal with trailing zero", value: decimal("1.10") },
  { label: "decimal of 34 digits", value: decimal("1234567890123456789012345678901234") },
  { label: "decimal NaN", value: decimal("NaN") },
  { label: "decimal minus zero", value: decimal("-0") },
  { label: "decimal infinity", value: decimal("-Infinity") },
  { label: "smallest decimal", value: decimal("1E-6176") },
  { label: "null", value: null },
  { label: "empty text", value: "" },
  { label: "emoji", value: emojiText },
  { label: "right-to-left", value: rightToLeftText },
  { label: "text with NUL", value: "a\u0000b" },
  { label: "markup", value: "<img src=x onerror=window.x=1>" },
  { label: "1 MiB of text", value: megabyteText },
  { label: "true", value: true },
  { label: "object id", value: { $oid: "00000000000000000000ffff" } },
  { label: "date before 1970", value: { $date: long("-62135596800000") } },
  { label: "date with milliseconds", value: { $date: long("253402300799999") } },
  { label: "date before Christ", value: { $date: long("-62135596800001") } },
  { label: "date after 9999", value: { $date: long("253402300800000") } },
  { label: "latest date", value: { $date: long("9223372036854775807") } },
  { label: "timestamp", value: { $timestamp: { t: 4294967295, i: 1 } } },
  { label: "bytes with NUL", value: bytes("00ff00c3280a", "00") },
  { label: "no bytes", value: bytes("", "00") },
  { label: "function bytes", value: bytes("0001", "01") },
  { label: "uuid", value: bytes("000102030405460788090a0b0c0d0e0f", "04") },
  { label: "old uuid", value: bytes("000102030405060708090a0b0c0d0e0f", "03") },
  { label: "md5", value: bytes("d41d8cd98f00b204e9800998ecf8427e", "05") },
  { label: "user-defined bytes", value: bytes("cafe", "80") },
  { label: "regular expression", value: { $regularExpression: { pattern: '^a"/b\\d+$', options: "imsx" } } },
  { label: "code", value: { $code: "function () { return '</script>'; }" } },
  { label: "code with scope", value: { $code: "x", $scope: { x: long("1") } } },
  { label: "symbol", value: { $symbol: "an old symbol" } },
  { label: "database reference", value: { $ref: "books", $id: { $oid: "65a000000000000000000001" }, $db: "bookshop" } },
  { label: "pointer", value: { $dbPointer: { $ref: "books", $id: { $oid: "65a000000000000000000001" } } } },
  { label: "undefined is not null", value: { $undefined: true } },
  { label: "smallest key", value: { $minKey: 1 } },
  { label: "largest key", value: { $maxKey: 1 } },
  { label: "empty document", value: {} },
  { label: "empty array", value: [] },
  { label: "nested arrays", value: [[int(1), [null, []]], { a: [{}] }, double("NaN")] },
];

/**
 * Documents of collection awkward_shapes as ordered fields: names, orders and repeats that a JavaScript object would lose.
 * @type {{label: string, fields: [string, unknown][]}[]}
 */
export const mongodbShapes = [
  {
    label: "integer-like names keep their order",
    fields: [
      ["b", int(1)],
      ["10", int(2)],
      ["2", int(3)],
      ["a", int(4)],
      ["1", int(5)],
    ],
  },
  {
    label: "a name twice",
    fields: [
      ["twice", int(1)],
      ["twice", "again"],
    ],
  },
  { label: "odd names", fields: awkwardNames.map((name) => [name, name]) },
  {
    label: "names that look like operators",
    fields: [
      ["$set", int(1)],
      ["a.b.c", int(2)],
      ["", "empty name"],
      ["__proto__", "plain"],
      ["constructor", "plain"],
    ],
  },
  { label: "text that looks like Extended JSON", fields: [["value", '{"$numberLong":"1"}']] },
];
