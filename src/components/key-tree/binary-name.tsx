import { binarySegments } from "@/lib/binary-text";

/** Bytes as text, those that are none as `\xff` in the colour of numbers. */
export function BinaryText({ bytes }: { bytes: Uint8Array }) {
  return (
    <>
      {binarySegments(bytes).map((segment, index) => (
        <span key={index} className={segment.escaped ? "text-code-num" : undefined}>
          {segment.text}
        </span>
      ))}
    </>
  );
}

/** The same for a text that is escaped already: parts of the tree. */
export function EscapedText({ text }: { text: string }) {
  const pieces = text.match(/\\\\|(?:\\x[\da-f]{2})+|[^\\]+/g) ?? [];
  return (
    <>
      {pieces.map((piece, index) => (
        <span key={index} className={piece.startsWith("\\x") ? "text-code-num" : undefined}>
          {piece}
        </span>
      ))}
    </>
  );
}
