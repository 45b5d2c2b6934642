const HERE = "http://console.invalid";

/** A path of this console to go on to, from text that anybody may have written; "/" for everything else. */
export function safePath(text: string | null | undefined): string {
  if (!text?.startsWith("/") || text.length > 2_000 || /[\\\u0000-\u001f\u007f]/.test(text)) return "/";
  const url = URL.canParse(text, HERE) ? new URL(text, HERE) : null;
  if (url?.origin !== HERE || url.pathname.startsWith("//")) return "/";
  if (url.pathname.startsWith("/sign-in") || url.pathname.startsWith("/set-up") || url.pathname.startsWith("/api/")) return "/";
  return `${url.pathname}${url.search}${url.hash}`;
}
