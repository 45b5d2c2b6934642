import { Fragment } from "react";

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const controls = /([\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+)/;

/** A text whose control characters can be seen: `a\x00b`, the escape in the colour of numbers. Tabs and line ends stay as they are. */
export function VisibleText({ text }: { text: string }) {
  if (!controls.test(text)) return text;
  return text.split(controls).map((piece, index) =>
    index % 2 === 0 ? (
      <Fragment key={index}>{piece}</Fragment>
    ) : (
      <span key={index} className="text-code-num">
        {Array.from(piece, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`).join("")}
      </span>
    ),
  );
}
