import { MongoClient } from "mongodb";
import { listCollections } from "@/app/(console)/manage-dbs/mongodb/collections/collections.service";
import { documents, getDocument } from "@/app/(console)/manage-dbs/mongodb/collections/documents.service";
import type { Connection } from "@/server/connection";
import { ensureMongodb, startMongodb } from "@/setup/mongodb-server.mjs";
import { awkwardCollectionNames, mongodbShapes, mongodbValues } from "@/setup/seed/awkward.mjs";
import { seed } from "@/setup/seed/seed-mongodb.mjs";
import { testConnection } from "@/test/connections";
import { serverDirectory, type ContractSubject, type Outage, type Values } from "@/test/contract/subject";
import { testServers, uniqueName } from "@/test/servers";

const database = uniqueName("contract");
/** Restored places of this run, to be dropped. */
const restoredTo: string[] = [];

async function withClient<T>(work: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = new MongoClient(testServers.mongodb, { serverSelectionTimeoutMS: 10_000 });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** Canonical Extended JSON of ordered fields; a JavaScript object would reorder and merge them. */
const textOf = (fields: [string, unknown][]): string => `{${fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(",")}}`;
const numbered = (index: number, fields: [string, unknown][]): string => textOf([["_id", { $numberInt: String(index + 1) }], ...fields]);

const given: { collection: string; index: number; label: string; text: string }[] = [
  ...mongodbValues.map(({ label, value }, index) => ({
    collection: "awkward_values",
    index,
    label,
    text: numbered(index, [
      ["label", label],
      ["value", value],
    ]),
  })),
  ...mongodbShapes.map(({ label, fields }, index) => ({
    collection: "awkward_shapes",
    index,
    label,
    text: numbered(index, [["label", label], ...fields]),
  })),
];

const idOf = (text: string): string => /^\{"_id":\{"\$numberInt":"(\d+)"\}/.exec(text)?.[1] ?? "";

/** What this server did not keep when the seed was written is not looked for. */
async function kept(): Promise<typeof given> {
  const mark = await withClient((client) => client.db(database).collection<{ _id: string; notKept: { label: string }[] }>("about").findOne({ _id: "seed" }));
  const notKept = new Set(mark?.notKept.map(({ label }) => label));
  return given.filter(({ label }) => !notKept.has(label));
}

const fromExport = (collection: string) => ({
  title: `canonical Extended JSON of ${collection}`,
  request: { collection, format: "canonical" },
  values(text: string): Values {
    const byId = new Map(
      text
        .trimEnd()
        .split("\n")
        .map((line) => [idOf(line), line]),
    );
    return new Map(
      given
        .filter((entry) => entry.collection === collection && byId.has(String(entry.index + 1)))
        .map(({ label, index }) => [label, byId.get(String(index + 1)) ?? ""]),
    );
  },
});

export const mongodbSubject: ContractSubject = {
  engine: "mongodb",
  async open() {
    await seed(testServers.mongodb, { database });
    // DocumentDB takes views and keeps none of them: asked of the server itself, not of the console.
    const names = await withClient(async (client) => (await client.db(database).listCollections({}, { nameOnly: true }).toArray()).map(({ name }) => name));
    this.holds = this.holds.filter((name) => name !== "bestsellers" || names.includes(name));
  },
  async close() {
    await withClient(async (client) => {
      for (const name of [database, ...restoredTo]) await client.db(name).dropDatabase();
    });
  },
  connection: () => testConnection("mongodb", testServers.mongodb, { database, name: uniqueName("contract") }),
  wrong: () => [
    { title: "a port nobody listens on", connection: testConnection("mongodb", "mongodb://127.0.0.1:1/", { database, name: "dead" }), code: "UNREACHABLE" },
  ],
  holds: ["authors", "books", "orders", "bestsellers", ...awkwardCollectionNames],
  objects: async (connection) => (await listCollections(connection, {}, {})).collections.map(({ name }) => name),
  expected: async () => new Map((await kept()).map(({ label, text }) => [label, text])),
  async browse(connection) {
    const values: Values = new Map();
    for (const collection of ["awkward_values", "awkward_shapes"]) {
      const page = await documents(connection, { collection, limit: 500 }, {});
      const byId = new Map(page.documents.map((document) => [idOf(document.text), document]));
      for (const { label, index } of (await kept()).filter((entry) => entry.collection === collection)) {
        const shown = byId.get(String(index + 1));
        const whole = shown && shown.cuts.length > 0 ? await getDocument(connection, { collection, key: shown.key ?? "" }, {}) : shown;
        values.set(label, whole?.text ?? "not there");
      }
    }
    return values;
  },
  exports: [fromExport("awkward_values"), fromExport("awkward_shapes")],
  target() {
    const name = uniqueName("restored");
    restoredTo.push(name);
    return name;
  },
  refused: () => [database, "with/slash", "with space", "admin"],
  restoredName: (name) => name,
  restored: (result) =>
    testConnection("mongodb", result.connection?.url ?? "", {
      name: uniqueName("restored"),
      ...(result.connection?.database ? { database: result.connection.database } : {}),
    }),
  places: () =>
    withClient(async (client) => {
      const { databases } = await client.db("admin").admin().listDatabases({ nameOnly: true });
      const own = databases.map(({ name }) => name).filter((name) => name === database || restoredTo.some((restored) => name.startsWith(restored)));
      const places: string[] = [];
      for (const name of own)
        for (const { name: collection } of await client.db(name).listCollections({}, { nameOnly: true }).toArray()) places.push(`${name}.${collection}`);
      return places.toSorted();
    }),
  outage: mongodbOutage(),
};

function mongodbOutage(): Outage {
  type Server = Awaited<ReturnType<typeof startMongodb>>;
  let own: Server;
  let home = { directory: "", remove: async () => {} };
  const started = async (port?: number) => {
    const server = await ensureMongodb({ node: process.execPath, env: process.env }, async () => {});
    // Nobody watches it: it is killed here.
    return startMongodb({ server, directory: home.directory, forTests: false, ...(port === undefined ? {} : { port }) });
  };
  return {
    async open(): Promise<Connection> {
      home = await serverDirectory("mongodb-outage");
      own = await started();
      const client = new MongoClient(own.url);
      for (let from = 0; from < 60_000; from += 5_000) {
        await client
          .db("outage")
          .collection<{ _id: number }>("large")
          .insertMany(Array.from({ length: 5_000 }, (_, index) => ({ _id: from + index, body: `${from + index} `.repeat(100) })));
      }
      await client.close();
      return testConnection("mongodb", own.url, { database: "outage", name: uniqueName("outage") });
    },
    request: { collection: "large" },
    async crash() {
      process.kill(own.pid, "SIGKILL");
      await own.stop();
    },
    survivesCrash: false,
    async start() {
      own = await started(own.port);
    },
    async close() {
      await own?.stop();
      await home.remove();
    },
  };
}
