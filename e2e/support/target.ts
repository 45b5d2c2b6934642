/**
 * The console under test: its address, its admin, and the settings it is started with. The run makes them once and hands them to its
 * workers by the environment; with E2E_BASE_URL they are those of a console that runs already (ADMIN_EMAIL, ADMIN_PASSWORD, ADMIN_API_TOKEN).
 */
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

interface Target {
  /** Without a slash at the end. */
  baseURL: string;
  email: string;
  password: string;
  /** API token of that admin. */
  token: string;
  /** Somebody else has started it: its label is not "production" and its data are not ours alone. */
  isRunning: boolean;
  /** Where the console keeps its data and its copy of the SQLite file; null for one that runs already. */
  directory: string | null;
  /** What `start-console.mjs` is given, beside the addresses of the databases in the environment. */
  serverEnv: Record<string, string>;
}

const running = process.env["E2E_BASE_URL"]?.replace(/\/+$/, "");
const secret = (): string => randomBytes(32).toString("base64url");

/** The value of a variable; made now and kept there for the workers when it is not set. */
function kept(name: string, value: string): string {
  process.env[name] ||= value;
  return process.env[name];
}

function needed(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`E2E_BASE_URL is set, so ${name} of that console is needed too.`);
  return value;
}

function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address && typeof address === "object" ? resolve(address.port) : reject(new Error("no free port"))));
    });
  });
}

function runningTarget(baseURL: string): Target {
  return {
    baseURL,
    email: needed("ADMIN_EMAIL"),
    password: needed("ADMIN_PASSWORD"),
    token: needed("ADMIN_API_TOKEN"),
    isRunning: true,
    directory: null,
    serverEnv: {},
  };
}

async function ownTarget(): Promise<Target> {
  const port = kept("E2E_PORT", String(process.env["E2E_PORT"] || (await findFreePort())));
  const baseURL = `http://127.0.0.1:${port}`;
  const email = "ada.admin@foundry.example";
  const password = kept("E2E_ADMIN_PASSWORD", `browser ${secret()}`);
  const token = kept("E2E_ADMIN_API_TOKEN", secret());
  const authSecret = kept("E2E_AUTH_SECRET", secret());
  const directory = kept("E2E_DIRECTORY", join(tmpdir(), `console-browser-test-${secret().slice(0, 8)}`));
  const serverEnv = {
    E2E_DIRECTORY: directory,
    CONSOLE_DATA_DIR: join(directory, "data"),
    PORT: port,
    HOST: "127.0.0.1",
    CONSOLE_URL: baseURL,
    NEXTAUTH_URL: baseURL,
    AUTH_SECRET: authSecret,
    NEXTAUTH_SECRET: authSecret,
    ENCRYPTION_KEY: kept("E2E_ENCRYPTION_KEY", randomBytes(32).toString("base64")),
    ADMIN_EMAIL: email,
    ADMIN_PASSWORD: password,
    ADMIN_API_TOKEN: token,
    ADMIN_ENVIRONMENT: "production",
    NEXT_MANUAL_SIG_HANDLE: "true",
    NEXT_TELEMETRY_DISABLED: "1",
    NODE_ENV: "production",
    LOG_LEVEL: "warn",
  };
  return { baseURL, email, password, token, isRunning: false, directory, serverEnv };
}

export const target: Target = running ? runningTarget(running) : await ownTarget();
