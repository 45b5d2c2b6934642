/** Debian's packages, when we may install them: as root, and never in a way that starts Debian's own services. */
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { lastLines, run } from "./processes.mjs";
import { SetupError, step } from "./progress.mjs";

const policy = "/usr/sbin/policy-rc.d";
const settings = { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C.UTF-8" }, timeoutMs: 900_000 };

export function canUseApt() {
  return process.getuid?.() === 0 && existsSync("/etc/debian_version") && existsSync("/usr/bin/apt-get");
}

/**
 * Installs packages. Throws SetupError with apt's own reason.
 * @param {string[]} packages
 */
export async function aptInstall(packages) {
  await step({ subject: "apt", doing: `installing ${packages.join(" ")}`, done: "installed" }, async () => {
    // Without this the fresh services would take the default ports of the machine.
    const blocks = !existsSync(policy);
    if (blocks) writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
    const remove = () => blocks && rmSync(policy, { force: true });
    process.once("exit", remove);
    try {
      const lock = ["-o", "DPkg::Lock::Timeout=120"];
      await run("apt-get", [...lock, "-q", "update"], settings);
      const { code, output } = await run("apt-get", [...lock, "-q", "-y", "install", "--no-install-recommends", ...packages], settings);
      if (code === 0) return;
      const reasons = output.split("\n").filter((line) => line.startsWith("E:"));
      throw new SetupError(`apt-get cannot install ${packages.join(" ")}: ${(reasons[0] ?? lastLines(output, 1)).trim()}`, "");
    } finally {
      process.removeListener("exit", remove);
      remove();
    }
  });
}
