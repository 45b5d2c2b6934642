/** Hands a single-use link to the browser's own download, so that a file of any size never passes through the page's memory. */
export function fetchFile({ url }: { url: string }): void {
  const link = document.createElement("a");
  link.href = url;
  link.download = "";
  document.body.append(link);
  link.click();
  link.remove();
}
