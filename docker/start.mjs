/** Starts the standalone build inside the image: the same settings and secrets as `npm start`, in this very process. */
import { dataDirectoryOf, ensureSecrets, portOf } from "../src/setup/settings.mjs";

try {
  const port = portOf(process.env);
  const secrets = ensureSecrets(dataDirectoryOf("/", process.env), process.env);
  const url = process.env.CONSOLE_URL || `http://127.0.0.1:${port}`;
  Object.assign(process.env, secrets, {
    PORT: String(port),
    // Next's standalone server calls its listen address so.
    HOSTNAME: process.env.HOST || "0.0.0.0",
    CONSOLE_URL: url,
    NEXTAUTH_URL: url,
    NEXTAUTH_SECRET: secrets.AUTH_SECRET,
  });
} catch (error) {
  process.stderr.write(`Cannot start: ${error.message}\n`);
  process.exit(1);
}
await import("../server.js");
