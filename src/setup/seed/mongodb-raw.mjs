/**
 * Documents byte by byte: field order, repeated names and types that the driver no longer writes (undefined, pointer) are
 * kept. Sent as a plain OP_MSG, for servers without authentication.
 */
import { createConnection } from "node:net";
import { BSON } from "mongodb";

const headerBytes = 16;
const messageCode = 2013;

/** @param {[string, unknown][]} fields names with values in canonical Extended JSON @returns {Buffer} one BSON document */
export function rawDocument(fields) {
  const body = Buffer.concat(fields.map(([name, value]) => element(name, value)));
  const size = Buffer.alloc(4);
  size.writeInt32LE(body.length + 5);
  return Buffer.concat([size, body, Buffer.from([0])]);
}

function element(name, value) {
  const nameBytes = Buffer.from(`${name}\0`, "utf8");
  if (value?.$undefined === true) return Buffer.concat([Buffer.from([0x06]), nameBytes]);
  if (value?.$dbPointer) {
    const { $ref, $id } = value.$dbPointer;
    const collection = Buffer.from(`${$ref}\0`, "utf8");
    const size = Buffer.alloc(4);
    size.writeInt32LE(collection.length);
    return Buffer.concat([Buffer.from([0x0c]), nameBytes, size, collection, Buffer.from($id.$oid, "hex")]);
  }
  if (typeof value?.$date?.$numberLong === "string") {
    // A Date of JavaScript ends at the year 275760, BSON's does not.
    const time = Buffer.alloc(8);
    time.writeBigInt64LE(BigInt(value.$date.$numberLong));
    return Buffer.concat([Buffer.from([0x09]), nameBytes, time]);
  }
  // One field in a document of its own gives type and payload; the name is ours.
  const alone = BSON.serialize({ v: BSON.EJSON.deserialize({ v: value }, { relaxed: false }).v });
  return Buffer.concat([Buffer.from(alone.subarray(4, 5)), nameBytes, Buffer.from(alone.subarray(7, -1))]);
}

/**
 * Inserts one raw document. Rejects with the server's own words.
 * @param {{url: string, database: string, collection: string}} place url: mongodb://host:port/ without credentials
 * @param {Buffer} document
 */
export async function insertRaw({ url, database, collection }, document) {
  const command = Buffer.from(BSON.serialize({ insert: collection, $db: database }));
  const label = Buffer.from("documents\0", "utf8");
  const sequenceBytes = Buffer.alloc(4);
  sequenceBytes.writeInt32LE(4 + label.length + document.length);
  const sections = Buffer.concat([Buffer.alloc(4), Buffer.from([0]), command, Buffer.from([1]), sequenceBytes, label, document]);
  const header = Buffer.alloc(headerBytes);
  for (const [index, number] of [headerBytes + sections.length, 1, 0, messageCode].entries()) header.writeInt32LE(number, index * 4);
  const answer = BSON.deserialize(await exchange(new URL(url), Buffer.concat([header, sections])));
  if (answer.ok !== 1 || answer.writeErrors) throw new Error(answer.errmsg ?? answer.writeErrors[0].errmsg);
}

/** @returns {Promise<Buffer>} the document of the answer */
function exchange({ hostname, port }, message) {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: hostname, port: Number(port || 27_017) });
    let received = Buffer.alloc(0);
    socket.setTimeout(10_000, () => socket.destroy(new Error("no answer within 10 seconds")));
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("the server closed the connection")));
    socket.once("connect", () => socket.write(message));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < headerBytes || received.length < received.readInt32LE(0)) return;
      resolve(received.subarray(headerBytes + 5));
      socket.destroy();
    });
  });
}
