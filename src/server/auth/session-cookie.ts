/** The cookie that carries the session. `__Host-`: only over a trustworthy origin, for this host alone, for every path. */
export const SESSION_COOKIE = "__Host-sid";
