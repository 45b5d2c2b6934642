// The constant headers of src/server/auth/security-headers.ts (a test compares): proxy.ts does not see static files and /api.
const securityHeaders = {
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Permissions-Policy":
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=(), browsing-topics=()",
};
const asList = (headers) => Object.entries(headers).map(([key, value]) => ({ key, value }));

/** @type {import('next').NextConfig} */
export default {
  // The image runs the traced copy; `npm start` runs the build where it lies.
  ...(process.env.NEXT_OUTPUT === "standalone" ? { output: "standalone" } : {}),
  distDir: process.env.NEXT_DIST_DIR ?? ".next",
  agentRules: false,
  experimental: { agentUpgrade: false },
  poweredByHeader: false,
  reactStrictMode: true,
  images: { unoptimized: true },
  serverExternalPackages: ["@node-rs/argon2", "better-sqlite3", "pino"],
  productionBrowserSourceMaps: false,
  devIndicators: false,
  // `npm test` checks the types; a person who starts the console does not wait for that.
  typescript: { ignoreBuildErrors: true },
  headers: async () => [
    { source: "/:path*", headers: asList(securityHeaders) },
    {
      source: "/api/:path*",
      headers: asList({ "Cache-Control": "no-store", "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox" }),
    },
    // Files go out as they are: compressing an export on the fly costs three times its time, an artefact is compressed already.
    { source: "/api/files/:path*", headers: asList({ "Cache-Control": "no-store, no-transform" }) },
  ],
  outputFileTracingExcludes: { "*": [".tools/**", ".sandbox/**", ".data/**", ".test/**", "docs/**"] },
};
