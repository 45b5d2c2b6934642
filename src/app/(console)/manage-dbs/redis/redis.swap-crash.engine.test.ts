/** Crashes of the console and of the server around SWAPDB. */
import { testCrashes } from "./redis.test-crash";

testCrashes({ serverArgs: [], childPoints: [4, 9, 10, 13], nothingKept: () => true });
