import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { EnvSchema } from "@/env";

test(".env.example names every setting once, in order, in the same words", () => {
  const lines = readFileSync(".env.example", "utf8").split("\n");
  const named = lines.flatMap((line, index) => {
    const key = /^#?([A-Z_]+)=/.exec(line)?.[1];
    return key === undefined ? [] : [[key, lines[index - 1]]];
  });
  expect(named).toEqual(Object.entries(EnvSchema.shape).map(([key, schema]) => [key, `# ${schema.description}`]));
});
