import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeCommands } from "./redis.batch";

const part = fc.oneof(
  fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
  fc.string({ unit: "grapheme", maxLength: 30 }),
  fc.integer(),
);

it("encodes any arguments as RESP, byte for byte", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: "grapheme-ascii", minLength: 1 }), fc.array(part, { maxLength: 6 })), { maxLength: 10 }), (commands) => {
      const expected = commands.map(([name, parts]) => {
        const all = [name, ...parts].map((one) => (Buffer.isBuffer(one) ? one : Buffer.from(String(one))));
        return Buffer.concat([Buffer.from(`*${all.length}\r\n`), ...all.flatMap((one) => [Buffer.from(`$${one.length}\r\n`), one, Buffer.from("\r\n")])]);
      });
      expect(Buffer.concat(encodeCommands(commands.map(([name, parts]) => [name, ...parts]))).equals(Buffer.concat(expected))).toBe(true);
    }),
    { numRuns: 500 },
  );
});

it("sends a long argument from where it is", () => {
  const long = Buffer.alloc(3_000_000, 7);
  const pieces = encodeCommands([
    ["SET", "a", long],
    ["SET", long, "b"],
  ]);
  expect(pieces.filter((piece) => piece === long)).toHaveLength(2);
  const whole = ["*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3000000\r\n", long, "\r\n*3\r\n$3\r\nSET\r\n$3000000\r\n", long, "\r\n$1\r\nb\r\n"];
  expect(Buffer.concat(pieces).equals(Buffer.concat(whole.map((one) => Buffer.from(one))))).toBe(true);
});
