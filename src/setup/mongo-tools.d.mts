/** Where the tools are, or why there are none. */
export function buildMongoTools(root: string): { directory: string } | { reason: string };
