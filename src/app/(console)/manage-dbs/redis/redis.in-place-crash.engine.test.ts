/** Crashes of the console and of the server while keys are replaced one by one. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll } from "vitest";
import { temporaryControlPlane } from "@/test/control-plane";
import { testCrashes } from "./redis.test-crash";

const plane = await temporaryControlPlane();
afterAll(() => plane.remove());

testCrashes({
  serverArgs: ["--rename-command", "SWAPDB", ""],
  childPoints: [0, 3, 5, 8],
  nothingKept: () => readdirSync(join(plane.directory, "kept")).length === 0,
});
