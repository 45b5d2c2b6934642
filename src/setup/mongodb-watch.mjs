/**
 * SecantusDB is young: rarely, its threads wait for one another and it answers nothing any more that needs its storage, while it
 * still takes connections. A test run would wait for it to the end. This asks it now and then, and has it replaced.
 */
import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/**
 * @param {object} server
 * @param {number} server.port
 * @param {() => Promise<void>} server.replace ends the server and starts it again on its data
 * @param {number} [server.everyMs] between two questions
 * @param {number} [server.patienceMs] how long an answer may take
 * @returns {() => Promise<void>} ends the watch; a replacement under way is waited for
 */
export function watchMongodb({ port, replace, everyMs = 5_000, patienceMs = 40_000 }) {
  const watch = new AbortController();
  const watching = (async () => {
    while (!watch.signal.aborted) {
      if (!(await answersQuestion(port, patienceMs, watch.signal)) && !watch.signal.aborted) await replace();
      await sleep(everyMs, undefined, { signal: watch.signal }).catch(() => undefined);
    }
  })();
  return async () => {
    watch.abort();
    await watching;
  };
}

/** Whether listCollections, which needs the storage, is answered within the time. A refused connection is an answer: that server is being started or stopped. */
function answersQuestion(port, patienceMs, signal) {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    const finish = (result) => {
      clearTimeout(deadline);
      signal.removeEventListener("abort", leave);
      socket.destroy();
      resolve(result);
    };
    const leave = () => finish(true);
    const deadline = setTimeout(() => finish(false), patienceMs);
    signal.addEventListener("abort", leave, { once: true });
    socket.once("connect", () => socket.write(question()));
    socket.once("data", () => finish(true));
    socket.once("error", () => finish(true));
    socket.once("close", () => finish(true));
  });
}

/** An OP_MSG with `{listCollections: 1, $db: "admin"}` (MongoDB wire protocol, opcode 2013). */
function question() {
  const document = Buffer.from("\x10listCollections\0\x01\0\0\0\x02$db\0\x06\0\0\0admin\0\0", "latin1");
  const message = Buffer.alloc(25);
  message.writeInt32LE(message.length + document.length, 0);
  message.writeInt32LE(1, 4);
  message.writeInt32LE(2013, 12);
  message.writeInt32LE(document.length + 4, 21);
  return Buffer.concat([message, document]);
}
