/** @type {import('next').NextConfig} */
export default {
  output: "standalone",
  distDir: process.env.NEXT_DIST_DIR ?? ".next",
  agentRules: false,
  experimental: { agentUpgrade: false },
  poweredByHeader: false,
  reactStrictMode: true,
  images: { unoptimized: true },
  serverExternalPackages: ["@node-rs/argon2", "better-sqlite3", "pino"],
  productionBrowserSourceMaps: false,
  devIndicators: false,
  outputFileTracingExcludes: { "*": [".tools/**", ".sandbox/**", ".data/**", ".test/**", "docs/**"] },
};
