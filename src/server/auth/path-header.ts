/** Set by proxy.ts on the request of a page: the path and query that were asked for. */
export const PATH_HEADER = "x-console-path";
