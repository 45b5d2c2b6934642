import type { Document } from "mongodb";

export interface Product {
  product: string;
  version: string;
  /** The MongoDB version it presents itself as, when it is not MongoDB itself. */
  speaks: string | null;
}

/** Several servers speak MongoDB's protocol and put a MongoDB version into `version`; what they are is beside it. */
export function productOf(buildInfo: Document | null): Product {
  const speaks = typeof buildInfo?.["version"] === "string" ? buildInfo["version"] : "unknown";
  if (typeof buildInfo?.["secantusVersion"] === "string") return { product: "SecantusDB", version: buildInfo["secantusVersion"], speaks };
  const ferret = buildInfo?.["ferretdb"] as Document | undefined;
  if (ferret) return { product: "FerretDB", version: String(ferret["version"] ?? "unknown").replace(/^v/, ""), speaks };
  if (typeof buildInfo?.["documentdb"] === "object") return { product: "DocumentDB", version: speaks, speaks };
  return { product: "MongoDB", version: speaks, speaks: null };
}
