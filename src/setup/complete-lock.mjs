#!/usr/bin/env node
/**
 * Run after each `npm install`: adds the optional packages of other platforms that the registry did not list to
 * package-lock.json, so that `npm ci` accepts the lock everywhere. npm drops them in silence and then refuses its own lock.
 */
import { readFileSync, writeFileSync } from "node:fs";

const file = new URL("../../package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(file, "utf8"));
const operatingSystems = ["darwin", "linux", "win32", "freebsd", "android", "openbsd", "netbsd", "sunos", "aix", "openharmony"];
const processors = ["x64", "arm64", "ia32", "arm", "ppc64", "s390x", "riscv64", "loong64", "mips64el", "wasm32"];

let added = 0;
for (const entry of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`;
    if (lock.packages[key] || !/^\d/.test(version)) continue;
    const words = name.split(/[-/]/);
    const os = operatingSystems.filter((word) => words.includes(word));
    const cpu = processors.filter((word) => words.includes(word));
    const libc = words.some((word) => word === "musl" || word === "musleabihf") ? ["musl"] : words.some((word) => word.startsWith("gnu")) ? ["glibc"] : [];
    lock.packages[key] = {
      version,
      ...(entry.dev ? { dev: true } : {}),
      ...(cpu.length ? { cpu } : {}),
      ...(libc.length && os.includes("linux") ? { libc } : {}),
      optional: true,
      ...(os.length ? { os } : {}),
    };
    added += 1;
  }
}
lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
process.stdout.write(`${added} optional packages added to the lock\n`);
