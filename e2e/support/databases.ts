/** The databases behind the console, asked directly: what a test leaves behind goes away, what must not change is looked at. */
import Redis from "ioredis";
import { MongoClient } from "mongodb";
import pg from "pg";

function address(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: the browser tests need all four databases.`);
  return value;
}

export function uniqueName(label: string): string {
  return `${label}_${Math.random().toString(36).slice(2, 10)}`;
}

/** The address of another database on the same server. */
export function postgresUrl(database: string): string {
  const url = new URL(address("POSTGRES_ADMIN_URL"));
  url.pathname = `/${database}`;
  return url.href;
}

export async function inPostgres<T>(work: (client: pg.Client) => Promise<T>, url = address("POSTGRES_ADMIN_URL")): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

export async function inMongodb<T>(work: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = await MongoClient.connect(address("MONGODB_ADMIN_URL"));
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

export async function inRedis<T>(work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(address("REDIS_ADMIN_URL"));
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

/** A logical database without keys, from the highest number down. */
export function emptyRedisDatabase(): Promise<number> {
  return inRedis(async (client) => {
    for (let number = 15; number > 0; number -= 1) {
      await client.select(number);
      if ((await client.dbsize()) === 0) return number;
    }
    throw new Error("no logical database of Redis is empty");
  });
}
