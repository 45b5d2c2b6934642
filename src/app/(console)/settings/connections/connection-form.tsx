"use client";
import { CircleCheck } from "lucide-react";
import { useState } from "react";
import { ErrorNote } from "@/components/error-note";
import { Button } from "@/components/ui/button";
import { Field, Input, Textarea } from "@/components/ui/input";
import { Note } from "@/components/ui/note";
import { Panel, PanelBody, PanelFoot, PanelHead } from "@/components/ui/panel";
import { Select } from "@/components/ui/select";
import { useToast } from "@/components/ui/toast";
import { ENGINE_IDS, ENGINES, type EngineId } from "@/engines";
import { type RouterOutputs, trpc } from "@/trpc/client";

type Connection = RouterOutputs["connections"]["list"]["connections"][number];
type Environment = Connection["environment"];

const URL_HINT: Record<EngineId, { label: string; example: string; hint: string }> = {
  sqlite: { label: "Path of the file", example: "/srv/app/app.sqlite", hint: "Absolute; the console must be able to read it." },
  redis: { label: "URL", example: "rediss://user:password@host:6379/0", hint: "rediss:// for TLS." },
  postgres: { label: "URL", example: "postgres://user:password@host:5432/database", hint: "?sslmode=verify-full for TLS with a checked certificate." },
  mongodb: { label: "URL", example: "mongodb://user:password@host:27017/?authSource=admin", hint: "?tls=true for TLS." },
};

/** Adds or edits a connection. The stored URL is never sent back: an empty field keeps it, a new one replaces it whole. */
export function ConnectionForm({ connection, onDone }: { connection: Connection | null; onDone: () => void }) {
  const toast = useToast();
  const utilities = trpc.useUtils();
  const [engine, setEngine] = useState<EngineId>(connection?.engine ?? "postgres");
  const [name, setName] = useState(connection?.name ?? "");
  const [environment, setEnvironment] = useState<Environment>(connection?.environment ?? "production");
  const [url, setUrl] = useState("");
  const [database, setDatabase] = useState(connection?.database ?? "");
  const [tlsCa, setTlsCa] = useState("");
  const saved = (text: string) => {
    toast({ title: text, tone: "green" });
    void utilities.invalidate();
    onDone();
  };
  const test = trpc.connections.test.useMutation();
  const add = trpc.connections.add.useMutation({ onSuccess: () => saved(`${name} was added`) });
  const edit = trpc.connections.edit.useMutation({ onSuccess: () => saved(`${name} was changed`) });
  const fields = { environment, database: engine === "mongodb" && database !== "" ? database : null, tlsCa: tlsCa.trim() === "" ? null : tlsCa };
  const problem = add.error ?? edit.error ?? test.error;
  const words = URL_HINT[engine];

  const save = () => {
    if (connection) edit.mutate({ id: connection.id, ...fields, ...(url === "" ? {} : { url }) });
    else add.mutate({ engine, name, url, ...fields });
  };

  return (
    <Panel>
      <PanelHead title={connection ? `Edit ${ENGINES[engine].label} / ${connection.name}` : "Add a connection"} />
      <form
        onSubmit={(event) => {
          event.preventDefault();
          save();
        }}
      >
        <PanelBody className="grid gap-4 py-4 md:grid-cols-2">
          <Field id="engine" label="Engine">
            <Select id="engine" disabled={connection !== null} value={engine} onChange={(event) => setEngine(event.target.value as EngineId)}>
              {ENGINE_IDS.map((id) => (
                <option key={id} value={id}>
                  {ENGINES[id].label}
                </option>
              ))}
            </Select>
          </Field>
          <Field id="name" label="Name" hint="Lower-case letters, digits and hyphens; part of the URL.">
            <Input
              id="name"
              required
              disabled={connection !== null}
              pattern="[a-z0-9][a-z0-9\-]{0,38}"
              value={name}
              onChange={(event) => setName(event.target.value)}
            />
          </Field>
          <Field id="environment" label="Environment" hint="Production has a red line on every page.">
            <Select id="environment" value={environment} onChange={(event) => setEnvironment(event.target.value as Environment)}>
              <option value="production">production</option>
              <option value="staging">staging</option>
              <option value="development">development</option>
            </Select>
          </Field>
          {engine === "mongodb" ? (
            <Field id="database" label="Database">
              <Input id="database" maxLength={63} value={database} onChange={(event) => setDatabase(event.target.value)} />
            </Field>
          ) : null}
          <div className="md:col-span-2">
            <Field
              id="url"
              label={words.label}
              hint={connection ? "Leave empty to keep what is stored. Another address needs the whole URL with its password." : words.hint}
            >
              <Input
                id="url"
                mono
                type={engine === "sqlite" ? "text" : "password"}
                autoComplete="off"
                required={connection === null}
                placeholder={words.example}
                value={url}
                onChange={(event) => setUrl(event.target.value)}
              />
            </Field>
          </div>
          {engine === "sqlite" ? null : (
            <div className="md:col-span-2">
              <Field id="tls" label="Certificate authority (PEM)" hint="Only when the server's certificate comes from your own authority.">
                <Textarea id="tls" mono rows={3} value={tlsCa} onChange={(event) => setTlsCa(event.target.value)} />
              </Field>
            </div>
          )}
          <div className="md:col-span-2" aria-live="polite">
            <ErrorNote error={problem} />
            {test.data && !problem ? <TestResult result={test.data} /> : null}
          </div>
        </PanelBody>
        <PanelFoot>
          <span className="flex w-full items-center justify-end gap-2 py-2">
            <Button variant="ghost" onClick={onDone}>
              Cancel
            </Button>
            <Button busy={test.isPending} disabled={url === "" || name === ""} onClick={() => test.mutate({ engine, name, url, ...fields })}>
              Test connection
            </Button>
            <Button type="submit" variant="primary" busy={add.isPending || edit.isPending}>
              {connection ? "Save changes" : "Add connection"}
            </Button>
          </span>
        </PanelFoot>
      </form>
    </Panel>
  );
}

function TestResult({ result }: { result: RouterOutputs["connections"]["test"] }) {
  if (result.state === "connected") {
    return (
      <Note tone="green" icon={<CircleCheck aria-hidden />} title={`${result.product} ${result.version} answers in ${Math.round(result.latencyMs)} ms`}>
        {result.holds.count} {result.holds.word}
      </Note>
    );
  }
  return (
    <Note tone="amber" title={result.reason}>
      {result.fix}
    </Note>
  );
}
