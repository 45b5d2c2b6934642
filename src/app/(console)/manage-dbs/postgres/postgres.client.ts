import "server-only";
import { setTimeout as sleep } from "node:timers/promises";
import { Client, Pool, type ClientBase, type ClientConfig, type PoolClient } from "pg";
import type { z } from "zod";
import { cancelOnAbort, dropSession } from "@/app/(console)/manage-dbs/postgres/postgres.cancel";
import { errorCode, isLostSession, isTlsMismatch, isWithoutTls, postgresError, type ErrorPlace } from "@/app/(console)/manage-dbs/postgres/postgres.errors";
import { readTarget, tlsWays, type PostgresTarget } from "@/app/(console)/manage-dbs/postgres/postgres.target";
import type { CallContext, Connection } from "@/server/connection";
import { AppError, throwIfCancelled } from "@/server/errors";
import { LIMITS } from "@/server/limits";

const APPLICATION_NAME = "foundry-console";
const POOL_SIZE = 5;
const IDLE_MS = 10_000;
const END_GRACE_MS = 1_000;

/** Every value is the server's own text; null is NULL. Nothing is parsed, so nothing can be changed. */
export type TextRow = (string | null)[];

/** A statement of constant text with the shape of its rows. Columns come back as text. */
export interface CatalogQuery<Row> {
  sql: string;
  row: z.ZodType<Row>;
}

/** One session of the server for the time of one piece of work. */
export interface Session {
  /** Rows as arrays of text, in the order of the columns. */
  rows(sql: string, parameters?: readonly (string | null)[]): Promise<TextRow[]>;
  /** Rows as objects of text, checked against the query's schema. */
  all<Row>(query: CatalogQuery<Row>, parameters?: readonly (string | null)[]): Promise<Row[]>;
  /** Statements without parameters or rows; several may stand in one text. */
  run(sql: string): Promise<void>;
  /** The driver's client, for COPY streams. */
  client: ClientBase;
  /** The role's own search_path; the session's is empty, so that no object of the database can stand in for a built-in one. */
  ownSearchPath: string;
  target: PostgresTarget;
}

interface PoolState {
  key: string;
  target: PostgresTarget;
  place: ErrorPlace;
  /** Index of the way to connect that worked; see tlsWays. */
  way: number;
  pool: Pool;
  /** The way the pool was made for; sessions of their own may have found another since. */
  poolWay: number;
  /** Counters of the sample before, for rates. */
  memory: Map<string, unknown>;
}

const POOLS = Symbol.for("foundry-console.postgres.pools");

/** Next bundles this file more than once; the pools must be the same in each. */
function pools(): Map<string, PoolState> {
  const holder = globalThis as { [POOLS]?: Map<string, PoolState> };
  return (holder[POOLS] ??= new Map());
}

function stateOf(connection: Connection): PoolState {
  const key = `${connection.id}\n${connection.fingerprint}`;
  const known = pools().get(key);
  if (known) return known;
  for (const [other, state] of pools()) {
    if (!other.startsWith(`${connection.id}\n`)) continue;
    pools().delete(other);
    void state.pool.end().catch(() => undefined);
  }
  const target = readTarget(connection);
  const state: PoolState = { key, target, place: placeOf(connection, target), way: 0, pool: makePool(target, 0), poolWay: 0, memory: new Map() };
  pools().set(key, state);
  return state;
}

const placeOf = (connection: Connection, target: PostgresTarget): ErrorPlace => ({ address: connection.address, database: target.database, user: target.user });

function clientConfig(target: PostgresTarget, way: number): ClientConfig {
  return {
    host: target.host,
    port: target.port,
    user: target.user,
    database: target.database,
    // As a function: without a password the driver must not look into the environment or ~/.pgpass.
    password: () => target.password ?? "",
    ssl: tlsWays(target)[way] ?? false,
    application_name: APPLICATION_NAME,
    connectionTimeoutMillis: LIMITS.connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser: () => (value: unknown) => value },
  };
}

/** Fixes how values are printed, so that the same value always has the same text whatever the server or role has set. */
const SESSION_SETTINGS = `
  SET TimeZone = 'UTC';
  SET DateStyle = 'ISO, MDY';
  SET IntervalStyle = 'postgres';
  SET bytea_output = 'hex';
  SET extra_float_digits = 1;
  SET xmlbinary = 'base64';
  SET standard_conforming_strings = on;
  SET search_path = '';
`;
const READING_SETTINGS = `${SESSION_SETTINGS}
  SET default_transaction_read_only = on;
  SET statement_timeout = ${LIMITS.queryTimeoutMs};
  SET lock_timeout = 5000;
  SET idle_in_transaction_session_timeout = 60000;
`;
/** Long work (dumps, restores) is ended by its job, not by a clock the role or database may carry. */
const JOB_SETTINGS = `${SESSION_SETTINGS}
  SET statement_timeout = 0;
  SET lock_timeout = 0;
  SET idle_in_transaction_session_timeout = 0;
`;

const ownPaths = new WeakMap<ClientBase, string>();

async function prepareSession(client: ClientBase, settings: string): Promise<void> {
  // Between two uses of a pooled client errors go to the pool; during one, the failing query reports them.
  client.on("error", () => undefined);
  const path = await client.query<[string]>({ text: "SELECT pg_catalog.current_setting('search_path')", rowMode: "array" });
  ownPaths.set(client, path.rows[0]?.[0] ?? "");
  await client.query(settings);
}

function makePool(target: PostgresTarget, way: number): Pool {
  const config = {
    ...clientConfig(target, way),
    query_timeout: LIMITS.queryTimeoutMs + 10_000,
    max: POOL_SIZE,
    idleTimeoutMillis: IDLE_MS,
    maxLifetimeSeconds: 600,
    allowExitOnIdle: true,
    onConnect: (client: ClientBase) => prepareSession(client, READING_SETTINGS),
  };
  const pool = new Pool(config);
  // A server restart breaks idle sessions: the pool drops them and makes new ones when asked.
  pool.on("error", () => undefined);
  return pool;
}

/**
 * Connects by the way that worked last, and by the other one when the server may want it (TLS or plain text). What works is kept.
 * When none does, the error that is not about the way says most, and the least that of a server which cannot speak it.
 */
async function connectSomehow<T>(state: PoolState, connect: (way: number) => Promise<T>): Promise<T> {
  const ways = [state.way, ...tlsWays(state.target).keys()].filter((way, index, all) => all.indexOf(way) === index);
  const errors: unknown[] = [];
  for (const way of ways) {
    try {
      const connected = await connect(way);
      state.way = way;
      return connected;
    } catch (error) {
      errors.push(error);
      if (!isTlsMismatch(error)) break;
    }
  }
  throw errors.find((error) => !isTlsMismatch(error)) ?? errors.find((error) => !isWithoutTls(error)) ?? errors[0];
}

async function acquire(state: PoolState): Promise<PoolClient> {
  return connectSomehow(state, async (way) => {
    if (way === state.poolWay) return state.pool.connect();
    const pool = makePool(state.target, way);
    const client = await pool.connect();
    const before = state.pool;
    state.pool = pool;
    state.poolWay = way;
    void before.end().catch(() => undefined);
    return client;
  });
}

/**
 * Runs read-only work in a pooled session. A session that turns out lost before the work got anywhere is replaced, so a
 * restarted server needs no second click. On abort the server is told to cancel, and the session is thrown away.
 * Throws AppError only.
 */
export async function browse<T>(connection: Connection, context: CallContext, work: (session: Session) => Promise<T>): Promise<T> {
  throwIfCancelled(context.signal);
  const state = stateOf(connection);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await browseOnce(state, context.signal, work);
    } catch (error) {
      throwIfCancelled(context.signal);
      // After a restart each of the idle ones may be lost.
      if (attempt <= POOL_SIZE && isLostSession(error)) continue;
      throw postgresError(error, state.place);
    }
  }
}

async function browseOnce<T>(state: PoolState, signal: AbortSignal | undefined, work: (session: Session) => Promise<T>): Promise<T> {
  const client = await acquire(state);
  let broken: boolean | undefined = true;
  const stopWatching = cancelOnAbort({ client, target: state.target, signal, connect: (timeoutMs) => plainClient(state, timeoutMs) });
  try {
    const result = await work(sessionOf(client, state.target));
    broken = signal?.aborted === true;
    return result;
  } catch (error) {
    // The server's own errors leave a healthy session, outside of a transaction.
    broken = signal?.aborted === true || !/^[0-9A-Z]{5}$/.test(errorCode(error) ?? "") || isLostSession(error) || inTransaction(client);
    throw error;
  } finally {
    stopWatching();
    client.release(broken || inTransaction(client));
  }
}

/** pg keeps the status byte of the last ReadyForQuery: I idle, T in a transaction, E in a failed one. */
const inTransaction = (client: ClientBase): boolean => (client as ClientBase & { _txStatus?: string })._txStatus !== "I";

export interface OwnSession {
  session: Session;
  /** Turns what the driver threw into an AppError about this server; CANCELLED when the caller gave up. */
  explain(error: unknown): AppError;
  /** Closes the session. `clean: false` cancels what runs and drops the socket at once. */
  end(options: { clean: boolean }): Promise<void>;
}

/**
 * Opens a session of its own (not pooled) that may write and has no time limits: for jobs and streams. `database` replaces the
 * connection's. On abort running statements are cancelled. The caller ends it. Throws AppError only.
 */
export async function openOwnSession(connection: Connection, options: CallContext & { database?: string | undefined }): Promise<OwnSession> {
  throwIfCancelled(options.signal);
  const state = stateOf(connection);
  const target = options.database === undefined ? state.target : { ...state.target, database: options.database };
  const explain = (error: unknown): AppError => {
    if (options.signal?.aborted) return new AppError("CANCELLED", "Cancelled", { cause: options.signal.reason });
    return postgresError(error, { ...state.place, database: target.database });
  };
  let client: Client;
  try {
    client = await connectAlone(state, target);
  } catch (error) {
    throw explain(error);
  }
  const stopWatching = cancelOnAbort({ client, target, signal: options.signal, connect: (timeoutMs) => plainClient(state, timeoutMs) });
  return {
    session: sessionOf(client, target),
    explain,
    async end({ clean }) {
      stopWatching();
      if (!clean) dropSession(client, target);
      await Promise.race([client.end().catch(() => undefined), sleep(END_GRACE_MS, undefined, { ref: false })]);
    },
  };
}

/** Runs work in a session of its own; see openOwnSession. Throws AppError only. */
export async function withOwnSession<T>(
  connection: Connection,
  options: CallContext & { database?: string | undefined },
  work: (session: Session) => Promise<T>,
): Promise<T> {
  return workIn(await openOwnSession(connection, options), work);
}

/** Runs work in an opened session and ends it, whatever comes. Throws AppError only. */
export async function workIn<T>(own: OwnSession, work: (session: Session) => Promise<T>): Promise<T> {
  let clean = false;
  try {
    const result = await work(own.session);
    clean = true;
    return result;
  } catch (error) {
    throw own.explain(error);
  } finally {
    await own.end({ clean });
  }
}

async function connectAlone(state: PoolState, target: PostgresTarget): Promise<Client> {
  return connectSomehow(state, async (way) => {
    const client = new Client(clientConfig(target, way));
    client.on("error", () => undefined);
    try {
      await client.connect();
      await prepareSession(client, JOB_SETTINGS);
      return client;
    } catch (error) {
      void client.end().catch(() => undefined);
      throw error;
    }
  });
}

function sessionOf(client: ClientBase, target: PostgresTarget): Session {
  const rows = async (sql: string, parameters: readonly (string | null)[] = []): Promise<TextRow[]> => {
    const result = await client.query<TextRow>({ text: sql, values: [...parameters], rowMode: "array" });
    return result.rows;
  };
  return {
    rows,
    async all(query, parameters = []) {
      const result = await client.query<Record<string, string | null>>({ text: query.sql, values: [...parameters] });
      return result.rows.map((row) => query.row.parse(row));
    },
    async run(sql) {
      await client.query(sql);
    },
    client,
    ownSearchPath: ownPaths.get(client) ?? "",
    target,
  };
}

/** A session without settings, by the way that worked last: to cancel another. */
async function plainClient(state: PoolState, timeoutMs: number): Promise<Client> {
  const client = new Client({ ...clientConfig(state.target, state.way), connectionTimeoutMillis: timeoutMs });
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** What the engine remembers of a connection between calls (the last sample); gone when the connection changes. */
export function remembered(connection: Connection): Map<string, unknown> {
  return stateOf(connection).memory;
}

/** How to reach the server, for the command line tools: the way that worked last. */
export async function reachedTarget(connection: Connection, context: CallContext): Promise<{ target: PostgresTarget; encrypted: boolean; place: ErrorPlace }> {
  const state = stateOf(connection);
  await browse(connection, context, async (session) => session.rows("SELECT 1"));
  return { target: state.target, encrypted: tlsWays(state.target)[state.way] !== false, place: state.place };
}

/** Ends the sessions of one connection (it changed or went), or of all (shutdown). */
export async function close(connectionId?: string): Promise<void> {
  const ended = [...pools().values()].filter((state) => connectionId === undefined || state.key.startsWith(`${connectionId}\n`));
  for (const state of ended) pools().delete(state.key);
  await Promise.allSettled(ended.map((state) => state.pool.end()));
}

/** Throws NOT_FOUND for an object that is not in the catalog. */
export function notThere(what: string): AppError {
  return new AppError("NOT_FOUND", `There is no ${what}`, { fix: "Reload the list: it may have been renamed or dropped." });
}
