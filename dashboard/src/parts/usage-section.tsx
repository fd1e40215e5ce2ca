import { useMemo, useState } from 'preact/hooks';
import { SelectField } from '../form/fields.js';
import type { Usage } from '../api/types.js';
import { useLoad } from '../lib/load.js';
import { useSession } from '../lib/session.js';
import { chartQuery, ifKept, isNotKept, SPANS, totalOf, type SpanName } from '../lib/usage.js';
import { Empty, Section } from './basics.js';
import { Chart } from './chart.js';
import { FailureNotice, Waiting } from './notices.js';

/** What usage needs to be seen at all, for whoever runs the server. */
const NoUsage = () => (
  <Empty title="Usage is not counted here">
    <p>Whoever runs this server can have it counted: <code>createKeyring({'{ usage: … }'})</code>.</p>
  </Empty>
);

/** Requests and refusals over time, of one key or of all in sight. */
export function UsageSection({ about, title }: { readonly about: Readonly<Record<string, string>>; readonly title: string }) {
  const { settings, round } = useSession();
  const [span, setSpan] = useState<SpanName>('7d');
  const query = useMemo(() => chartQuery(span, about), [span, JSON.stringify(about), round]);
  const { value, failure, isLoading, reload } = useLoad<Usage>(ifKept(settings, 'usage', `/usage?${query}`));
  const isMissing = !settings.usage || (failure !== undefined && isNotKept(failure));
  return (
    <Section title={title} id="usage" aside={!isMissing && <SelectField at="" label="Span" value={span} onValue={(name) => { setSpan(name as SpanName); }} choices={SPANS.map(([name, text]) => [name, text] as const)} />}>
      {isMissing && <NoUsage />}
      {!isMissing && failure !== undefined && <FailureNotice failure={failure} onRetry={reload} />}
      {isLoading && <Waiting what="usage" />}
      {value !== undefined && (totalOf(value) === 0 ? <Empty title="No requests in this time"><p>Requests stand here within seconds of being made. Choose a longer time to see older ones.</p></Empty> : <Chart usage={value} />)}
    </Section>
  );
}
