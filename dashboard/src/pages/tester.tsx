import { useState } from 'preact/hooks';
import type { Failure } from '../api/client.js';
import type { ApiKey, Explanation } from '../api/types.js';
import { ComplaintsContext } from '../form/errors.js';
import { CheckField, SelectField, TextField, type Choice } from '../form/fields.js';
import { useLoad } from '../lib/load.js';
import { hrefTo } from '../lib/router.js';
import { useSession } from '../lib/session.js';
import { Button, Section, Words } from '../parts/basics.js';
import { Heading } from '../parts/heading.js';
import { FailureNotice, Waiting } from '../parts/notices.js';
import { Verdict } from './verdict.js';

const METHODS: readonly Choice[] = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS'].map((method) => [method, method]);

interface Question {
  readonly method: string;
  readonly path: string;
  readonly ip: string;
  readonly origin: string;
  readonly environment: string;
  readonly tenantId: string;
  readonly scopes: readonly string[];
  readonly browser: boolean;
  readonly upgrade: boolean;
  readonly realtime: boolean;
}

/** What stands empty is not asked. */
function bodyOf({ scopes, browser, upgrade, realtime, ...texts }: Question): Readonly<Record<string, unknown>> {
  const said = Object.fromEntries(Object.entries(texts).filter(([, text]) => text.trim() !== '').map(([name, text]) => [name, text.trim()]));
  return { ...said, scopes, ...(browser && { browser }), ...(upgrade && { upgrade }), ...(realtime && { realtime }) };
}

/** Asks what would become of a request with a key, without making one. */
export function Tester({ id }: { readonly id: string }) {
  const path = `/keys/${encodeURIComponent(id)}`;
  const { value, failure, isLoading, reload } = useLoad<ApiKey>(path);
  if (isLoading) return <Waiting what="the key" />;
  if (value === undefined) return failure === undefined ? null : <FailureNotice failure={failure} onRetry={reload} />;
  return <Form apiKey={value} path={`${path}/explain`} />;
}

function Form({ apiKey, path }: { readonly apiKey: ApiKey; readonly path: string }) {
  const { client, settings } = useSession();
  const [question, setQuestion] = useState<Question>({ method: 'GET', path: '/', ip: '', origin: '', environment: apiKey.environment, tenantId: '', scopes: [], browser: false, upgrade: false, realtime: false });
  const [answer, setAnswer] = useState<Explanation>();
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const set = (changes: Partial<Question>): void => { setQuestion((before) => ({ ...before, ...changes })); setAnswer(undefined); setFailure(undefined); };
  const ask = async (): Promise<void> => {
    setIsBusy(true);
    const outcome = await client.ask<Explanation>('POST', path, { body: bodyOf(question) });
    setIsBusy(false);
    setAnswer(outcome.ok ? outcome.value : undefined);
    setFailure(outcome.ok ? undefined : outcome);
  };
  return (
    <ComplaintsContext.Provider value={{ errors: failure?.errors ?? [], touched: new Set(), isSent: true }}>
      <Heading title={<>Test a request with <Words text={apiKey.name} /></>} text={`Test ${apiKey.name}`} back={[hrefTo('keys', apiKey.id), 'Back to the key']}>
        <p class="quiet">Nothing is sent and nothing is spent: the server says what it would check.</p>
      </Heading>
      <div class="pair">
        <form onSubmit={(event) => { event.preventDefault(); if (!isBusy) void ask(); }}>
          <Section title="The request" id="question">
            <div class="columns">
              <SelectField at="/method" label="Method" value={question.method} choices={METHODS} onValue={(method) => { set({ method }); }} />
              <TextField at="/path" label="Path" mono value={question.path} onValue={(value) => { set({ path: value }); }} hint="The whole path, with whatever the route is mounted at." />
            </div>
            <TextField at="/ip" label="From the address" mono value={question.ip} placeholder="203.0.113.7" onValue={(ip) => { set({ ip }); }} hint="Empty: the address is not known." />
            <TextField at="/origin" label="Origin" mono value={question.origin} placeholder="https://app.example.com" onValue={(origin) => { set({ origin }); }} hint="The page it comes from. Empty: from a program." />
            <SelectField at="/environment" label="To a server of" value={question.environment} choices={[...new Set([...settings.environments, apiKey.environment])].map((name): Choice => [name, name])} onValue={(environment) => { set({ environment }); }} />
            <TextField at="/tenantId" label="For the tenant" value={question.tenantId} onValue={(tenantId) => { set({ tenantId }); }} hint="Where the route knows its tenant. Empty: any." />
            {settings.scopes.length > 0 && (
              <fieldset class="field">
                <legend>Scopes that the route asks for</legend>
                <div class="checks">{settings.scopes.map(({ name }) => <CheckField key={name} label={<code>{name}</code>} checked={question.scopes.includes(name)} onChecked={(isOn) => { set({ scopes: isOn ? [...question.scopes, name] : question.scopes.filter((other) => other !== name) }); }} />)}</div>
              </fieldset>
            )}
            <CheckField label="A browser sends it" checked={question.browser} onChecked={(browser) => { set({ browser }); }} />
            <CheckField label="It opens a WebSocket" checked={question.upgrade} onChecked={(upgrade) => { set({ upgrade }); }} />
            <CheckField label="It opens an event stream" checked={question.realtime} onChecked={(realtime) => { set({ realtime }); }} />
            {failure !== undefined && <FailureNotice failure={failure} />}
            <div class="actions"><Button type="submit" tone="main" busy={isBusy}>Test</Button></div>
          </Section>
        </form>
        <Verdict answer={answer} />
      </div>
    </ComplaintsContext.Provider>
  );
}
