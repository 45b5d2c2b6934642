/** A database with everything that pg_dump can carry, for the round trips of restores. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { asSuperuser, quote, serverOf } from "@/app/(console)/manage-dbs/postgres/postgres.test-database";
import { testServers } from "@/test/servers";

export interface EverythingRoles {
  owner: string;
  reader: string;
  writer: string;
}

/** Statements that need roles of their own on the server, made by the caller. */
export function everything({ owner, reader, writer }: EverythingRoles): string {
  return `
  CREATE EXTENSION citext; CREATE EXTENSION btree_gist;
  CREATE SCHEMA "We""ird Näme 🙂" AUTHORIZATION ${owner}; CREATE SCHEMA inner_one; COMMENT ON SCHEMA inner_one IS E'it''s\\nquoted';
  CREATE COLLATION by_number (provider = icu, locale = 'en-u-kn-true'); CREATE COLLATION inner_one.c_copy FROM "C";
  CREATE TYPE mood AS ENUM ('sad', 'o''k', 'happy 🙂'); CREATE DOMAIN positive AS int CHECK (VALUE > 0) DEFAULT 7;
  CREATE TYPE pair AS (a int, "b c" text); CREATE TYPE span AS RANGE (subtype = float8); CREATE DOMAIN pairs AS pair[];
  CREATE FUNCTION plus_one(i int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT i + 1'; CREATE AGGREGATE total_of (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
  CREATE PROCEDURE nothing_done() LANGUAGE plpgsql AS 'BEGIN END'; CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq, COMMUTATOR = ===);
  CREATE FUNCTION text_of_pair(pair) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ($1).a::text'; CREATE CAST (pair AS text) WITH FUNCTION text_of_pair(pair);
  CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY (START 100 INCREMENT 5) PRIMARY KEY, name text COLLATE by_number NOT NULL, email citext UNIQUE,
    upper_name text GENERATED ALWAYS AS (upper(name)) STORED, feeling mood DEFAULT 'sad', age positive, spot pair, spans span[], many pairs);
  INSERT INTO customers (name, email, feeling, age, spot, spans, many) SELECT 'name ' || i, 'u' || i || '@example.org', (enum_range(NULL::mood))[1 + i % 3], i, ROW(i, 'x' || i)::pair,
    ARRAY[span(i, i + 0.5)], ARRAY[ROW(1, NULL)::pair, ROW(NULL, E'a"b\\\\')::pair]::pairs FROM generate_series(1, 500) i;
  ALTER TABLE customers OWNER TO ${owner}; COMMENT ON COLUMN customers.email IS 'where to write'; ALTER TABLE customers ALTER COLUMN name SET STATISTICS 500, ALTER COLUMN name SET STORAGE EXTERNAL;
  CREATE TABLE orders (id serial PRIMARY KEY, customer bigint REFERENCES customers ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED, placed date NOT NULL, total numeric(20,2) CHECK (total >= 0), note text, during tsrange,
    EXCLUDE USING gist (customer WITH =, during WITH &&)) WITH (fillfactor = 70);
  INSERT INTO orders (customer, placed, total, note, during) SELECT 100 + 5 * (i % 400), '2026-01-01'::date + i % 300, i, CASE i % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE E'line\\nfeed\\t\\\\.\\\\N' END,
    tsrange('2026-01-01'::timestamp + i * interval '1 day', '2026-01-01'::timestamp + i * interval '1 day' + interval '1 hour') FROM generate_series(1, 1500) i; SET CONSTRAINTS ALL IMMEDIATE;
  CREATE TABLE events (id bigint, at date NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
  CREATE TABLE events_old PARTITION OF events FOR VALUES FROM ('2020-01-01') TO ('2026-01-01') PARTITION BY HASH (id);
  CREATE TABLE events_old_0 PARTITION OF events_old FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE events_old_1 PARTITION OF events_old FOR VALUES WITH (MODULUS 2, REMAINDER 1);
  CREATE TABLE events_rest PARTITION OF events DEFAULT; INSERT INTO events SELECT i, '2025-12-01'::date + i % 60 FROM generate_series(1, 700) i;
  CREATE TABLE parent (id int, CONSTRAINT id_positive CHECK (id > 0) NO INHERIT); CREATE TABLE child (extra text) INHERITS (parent); INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (3, 'x');
  CREATE TABLE "We""ird Näme 🙂"."emoji 🙂
 and feed" ("select" int, "a""b" text); INSERT INTO "We""ird Näme 🙂"."emoji 🙂
 and feed" VALUES (1, 'x'), (2, NULL);
  CREATE TABLE "${"ü".repeat(31)}x" (a int); INSERT INTO "${"ü".repeat(31)}x" VALUES (1);
  CREATE TABLE awkward (a float8, b numeric, c timestamptz, d int[], e jsonb, f text, g bytea, h bigint, i money, j inet, k interval, l xml, m bit(5), n tsvector, o box, p date, q uuid);
  INSERT INTO awkward VALUES ('-0', 'NaN', 'infinity', '{{1,NULL},{2,3}}', '{"x": 12345678901234567890.10}', NULL, '\\x00ff0a5c4e', 9223372036854775807, 12.34, '::1/128', '1 year -2 days', '<a b="c">&amp;</a>', B'10101', 'a:1 b:2', '((0,0),(1,1))', '0001-01-01 BC', gen_random_uuid()),
    ('NaN', 'Infinity', '0001-01-01 00:00:00 BC', '[5:6]={7,8}', 'null', '', '', -9223372036854775808, -0.01, '10.0.0.0/8', '-178000000 years', NULL, NULL, NULL, NULL, 'infinity', NULL);
  CREATE UNLOGGED TABLE unlogged (a int); INSERT INTO unlogged VALUES (1); CREATE TABLE nothing (); INSERT INTO nothing DEFAULT VALUES;
  CREATE VIEW paid WITH (security_barrier) AS SELECT id, total FROM orders WHERE total > 10 WITH CASCADED CHECK OPTION; CREATE VIEW paid_twice AS SELECT * FROM paid;
  CREATE RECURSIVE VIEW counted (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counted WHERE n < 5;
  CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(total) AS total FROM orders GROUP BY 1; CREATE UNIQUE INDEX ON totals (customer); CREATE MATERIALIZED VIEW empty_one AS SELECT 1 AS one WITH NO DATA;
  CREATE RULE no_delete AS ON DELETE TO parent DO INSTEAD NOTHING; CREATE RULE told AS ON INSERT TO child DO ALSO NOTIFY told; ALTER TABLE child DISABLE RULE told;
  CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER touched BEFORE UPDATE OF note ON orders FOR EACH ROW WHEN (OLD.note IS DISTINCT FROM NEW.note) EXECUTE FUNCTION touch();
  CREATE TRIGGER always AFTER INSERT ON orders REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION touch(); ALTER TABLE orders DISABLE TRIGGER touched; ALTER TABLE orders ENABLE ALWAYS TRIGGER always;
  CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON orders DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION touch();
  CREATE INDEX partial ON orders (lower(note)) INCLUDE (placed) WHERE total > 5; CREATE INDEX spotted ON customers USING gin (to_tsvector('simple', name)); CLUSTER orders USING orders_pkey; ALTER TABLE orders REPLICA IDENTITY FULL;
  CREATE STATISTICS both_of (dependencies, ndistinct) ON customer, placed FROM orders; CREATE SEQUENCE loose AS smallint START 42 INCREMENT -3 MINVALUE -100 MAXVALUE 100 CYCLE CACHE 2; SELECT nextval('loose');
  ALTER TABLE parent ENABLE ROW LEVEL SECURITY; ALTER TABLE parent FORCE ROW LEVEL SECURITY; CREATE POLICY seen ON parent AS RESTRICTIVE FOR SELECT TO ${reader}, ${writer} USING (id > 0); CREATE POLICY made ON parent FOR INSERT WITH CHECK (id < 100);
  CREATE PUBLICATION some_of FOR TABLE orders (id, total) WHERE (total > 1), customers WITH (publish = 'insert, update'); CREATE PUBLICATION all_of FOR TABLES IN SCHEMA inner_one;
  CREATE FUNCTION told_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER watch ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION told_event(); ALTER EVENT TRIGGER watch DISABLE;
  CREATE TEXT SEARCH DICTIONARY plain_words (TEMPLATE = simple, STOPWORDS = english); CREATE TEXT SEARCH CONFIGURATION words (COPY = simple); ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH plain_words;
  CREATE FOREIGN DATA WRAPPER none_at_all; CREATE SERVER far FOREIGN DATA WRAPPER none_at_all OPTIONS (host 'x'); CREATE FOREIGN TABLE remote (a int) SERVER far; CREATE USER MAPPING FOR ${reader} SERVER far OPTIONS (u 'v');
  GRANT USAGE ON SCHEMA "We""ird Näme 🙂" TO ${reader}; GRANT SELECT ON customers TO ${reader} WITH GRANT OPTION; GRANT SELECT (id), UPDATE (note) ON orders TO ${writer}; REVOKE ALL ON FUNCTION plus_one(int) FROM PUBLIC; GRANT EXECUTE ON FUNCTION plus_one(int) TO ${writer};
  ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} IN SCHEMA inner_one GRANT SELECT ON TABLES TO ${reader}; ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} GRANT USAGE ON SEQUENCES TO ${writer}; ALTER DEFAULT PRIVILEGES FOR ROLE ${owner} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
  SELECT lo_from_bytea(0, decode(repeat('abcd', 50000), 'hex')), lo_from_bytea(0, ''); DO $$ BEGIN EXECUTE format('ALTER LARGE OBJECT %s OWNER TO ${owner}', (SELECT min(oid) FROM pg_largeobject_metadata)); END $$;
  COMMENT ON TABLE orders IS E'a comment\\nCOPY public.x (y) FROM stdin;\\n'; COMMENT ON INDEX partial IS 'part'; COMMENT ON TYPE mood IS 'moods'; COMMENT ON TRIGGER touched ON orders IS 'off'; COMMENT ON POLICY made ON parent IS 'p'; COMMENT ON EVENT TRIGGER watch IS 'w';`;
}

/** What belongs to the database itself: rights with a grant chain, settings of all kinds, comment, limit. */
export function properties(database: string, { owner, reader, writer }: EverythingRoles): string[] {
  const name = quote(database);
  return [
    `ALTER DATABASE ${name} OWNER TO ${owner}`,
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    `GRANT CONNECT ON DATABASE ${name} TO ${reader} WITH GRANT OPTION`,
    `GRANT CREATE, TEMPORARY ON DATABASE ${name} TO ${writer}`,
    `SET ROLE ${reader}; GRANT CONNECT ON DATABASE ${name} TO ${writer}; RESET ROLE`,
    `ALTER DATABASE ${name} SET search_path = 'a b', "it""s", public`,
    `ALTER DATABASE ${name} SET "app.note" = E'it''s;\\nALTER DATABASE x'`,
    `ALTER DATABASE ${name} SET work_mem = '8192kB'`,
    `ALTER ROLE ${reader} IN DATABASE ${name} SET search_path = ''`,
    `ALTER ROLE ${writer} IN DATABASE ${name} SET statement_timeout = '7min'`,
    `ALTER ROLE ${writer} IN DATABASE ${name} SET search_path = inner_one, pg_catalog`,
    `COMMENT ON DATABASE ${name} IS E'the one\\nand ''only'' 🙂'`,
    `ALTER DATABASE ${name} CONNECTION LIMIT 77 IS_TEMPLATE true`,
  ];
}

/** pg_dump's whole text; only the token that changes from run to run is taken out. */
export function dumpText(database: string): string {
  const dump = spawnSync(join(testServers.postgresBinDir, "pg_dump"), ["--create"], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
    env: { LC_ALL: "C", ...toolEnvironment(), PGDATABASE: database } as unknown as NodeJS.ProcessEnv,
  });
  if (dump.status !== 0) throw new Error(dump.stderr);
  return dump.stdout.replace(/^\\(un)?restrict .*$/gm, "");
}

function toolEnvironment(): Record<string, string> {
  const { host, port, user, password } = serverOf();
  return { PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password };
}

/** The database as the server's shared catalogs have it, apart from its OID. */
export const ownFacts = (database: string): Promise<(string | null)[][]> =>
  asSuperuser(
    `SELECT pg_get_userbyid(datdba), datacl::text, datconnlimit::text, datallowconn::text, datistemplate::text, datcollate, pg_encoding_to_char(encoding), dattablespace::text,
            shobj_description(oid, 'pg_database'),
            (SELECT string_agg(pg_get_userbyid(setrole) || ' ' || setconfig::text, ';' ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid)
       FROM pg_database d WHERE datname = '${database.replaceAll("'", "''")}'`,
  );
