/**
 * Seeds the engines named on standard input, JSON {postgres?, redis?, mongodb?, sqlite?} of URLs or a path; prints one JSON line
 * {engine: {url} | {error}}. A program of its own, because the drivers need Node 24; the addresses come by stdin, so that passwords stay out of the process list.
 */
import { text } from "node:stream/consumers";

const seeds = {
  postgres: () => import("./seed-postgres.mjs"),
  redis: () => import("./seed-redis.mjs"),
  mongodb: () => import("./seed-mongodb.mjs"),
  sqlite: () => import("./seed-sqlite.mjs"),
};

const wanted = JSON.parse(await text(process.stdin));
const results = {};
await Promise.all(
  Object.entries(wanted).map(async ([engine, url]) => {
    try {
      const { seed } = await seeds[engine]();
      results[engine] = { url: (await seed(url)) ?? url };
    } catch (error) {
      results[engine] = { error: error.message };
    }
  }),
);
process.stdout.write(`${JSON.stringify(results)}\n`);
process.exit(0);
