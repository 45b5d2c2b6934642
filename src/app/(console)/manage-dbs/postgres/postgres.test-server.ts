/** A server of a test's own, to stop, to kill and to set up with TLS and passwords. Ended by the test. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { testServers } from "@/test/servers";

export interface OwnServer {
  port: number;
  /** PEM of its own authority, when made with TLS. */
  authority: string;
  start(): Promise<void>;
  stop(signal: NodeJS.Signals): Promise<void>;
  /** Replaces pg_hba.conf at once. */
  guard(lines: string): Promise<void>;
  remove(): Promise<void>;
}

export interface OwnServerOptions {
  tls?: boolean;
  /** Lines of postgresql.conf. */
  settings?: readonly string[];
  /** Follows this one, as a hot standby. */
  standbyOf?: OwnServer;
}

export async function makeServer(options: OwnServerOptions = {}): Promise<OwnServer> {
  const bin = testServers.postgresBinDir;
  const directory = mkdtempSync("/tmp/pg-own-");
  const data = join(directory, "data");
  // PostgreSQL refuses to run as root.
  const owner =
    process.getuid?.() === 0 ? { uid: Number(spawnSync("id", ["-u", "postgres"]).stdout), gid: Number(spawnSync("id", ["-g", "postgres"]).stdout) } : null;
  const give = (path: string): void => {
    if (owner) chownSync(path, owner.uid, owner.gid);
  };
  give(directory);
  const made = options.standbyOf
    ? spawnSync(join(bin, "pg_basebackup"), ["-D", data, "-h", "127.0.0.1", "-p", String(options.standbyOf.port), "-U", "postgres", "-R", "-c", "fast"], {
        ...owner,
        encoding: "utf8",
      })
    : spawnSync(join(bin, "initdb"), ["-D", data, "-U", "postgres", "--auth=trust", "-N", "-E", "UTF8"], { ...owner, encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
  const port = await freePort();
  let authority = "";
  if (options.tls) {
    const [key, certificate] = [join(data, "server.key"), join(data, "server.crt")];
    spawnSync("openssl", [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      "-subj",
      "/CN=localhost",
      "-addext",
      "subjectAltName=DNS:localhost",
      "-keyout",
      key,
      "-out",
      certificate,
    ]);
    chmodSync(key, 0o600);
    give(key);
    give(certificate);
    authority = readFileSync(certificate, "utf8");
    appendFileSync(join(data, "postgresql.conf"), "ssl = on\n");
  }
  appendFileSync(join(data, "postgresql.conf"), `${(options.settings ?? []).join("\n")}\n`);
  let server: ChildProcess | undefined;
  const own: OwnServer = {
    port,
    authority,
    async start() {
      const launch = (): ChildProcess =>
        spawn(join(bin, "postgres"), ["-D", data, "-p", String(port), "-k", directory, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"], {
          ...owner,
          stdio: "ignore",
        });
      server = launch();
      for (let tries = 0; tries < 200; tries += 1) {
        // After a kill -9 the sessions of before end only when they notice: until then no new server may start.
        if (server.exitCode !== null) server = launch();
        if (spawnSync(join(bin, "pg_isready"), ["-h", "127.0.0.1", "-p", String(port)]).status === 0) return;
        await sleep(50);
      }
      throw new Error("the test's own server does not start");
    },
    async stop(signal) {
      if (!server || server.exitCode !== null || server.signalCode !== null) return;
      const ended = once(server, "exit");
      // Killed alone, it leaves sessions behind that work on for a moment: as when the power goes, they die with it.
      const children = signal === "SIGKILL" ? spawnSync("pgrep", ["-P", String(server.pid)], { encoding: "utf8" }).stdout.split("\n") : [];
      server.kill(signal);
      for (const child of children.filter((line) => line !== "")) kill(Number(child));
      await ended;
    },
    async guard(lines) {
      writeFileSync(join(data, "pg_hba.conf"), `${lines}\n`);
      spawnSync(join(bin, "pg_ctl"), ["reload", "-D", data], { ...owner });
      await sleep(300);
    },
    async remove() {
      await own.stop("SIGQUIT");
      rmSync(directory, { recursive: true, force: true });
    },
  };
  await own.start();
  return own;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  return port;
}
