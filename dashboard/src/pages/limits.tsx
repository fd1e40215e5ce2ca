import type { ApiKey, Explanation, LimitState } from '../api/types.js';
import { limitsOf } from '../lib/risks.js';
import { useLoad } from '../lib/load.js';
import { useMay, useSession } from '../lib/session.js';
import { count, ruleText, span } from '../lib/words.js';
import { Button, Empty, Section } from '../parts/basics.js';
import { FailureNotice, Waiting } from '../parts/notices.js';

/** The limits that hold for a key, and what is left of each at this moment. */
export function Limits({ apiKey }: { readonly apiKey: ApiKey }) {
  const { settings } = useSession();
  const may = useMay();
  // A request that costs nothing: what is left now, not after one more.
  const question = JSON.stringify({ environment: apiKey.environment, cost: 0 });
  const { value, failure, isLoading, reload } = useLoad<Explanation>(may('explain') ? `/keys/${encodeURIComponent(apiKey.id)}/explain` : undefined, question);
  const source = apiKey.limits !== undefined ? 'Limits of its own' : apiKey.plan !== undefined ? `Plan ${apiKey.plan}` : 'The usual limits';
  const isUnlimited = limitsOf(apiKey, settings)?.length === 0;
  return (
    <Section title="Limits" id="limits" aside={may('explain') && !isUnlimited && <Button onClick={reload}>Look again</Button>}>
      <p class="quiet">{source}</p>
      {isUnlimited && <Empty title="No limit"><p>It may send any number of requests. A plan, or limits of its own, would end that.</p></Empty>}
      {!isUnlimited && isLoading && <Waiting what="limits" />}
      {!isUnlimited && failure !== undefined && <FailureNotice failure={failure} onRetry={reload} />}
      <ul class="meters">{leftNow(value?.limits ?? []).map((state) => <Meter key={`${state.subject} ${state.name}`} state={state} />)}</ul>
    </Section>
  );
}

/** The server tells what is left once the request has been let in: one place less at once, while it is not refused. */
function leftNow(states: readonly LimitState[]): readonly LimitState[] {
  const isRefused = states.some(({ violated }) => violated);
  return states.map((state) => (state.kind === 'concurrency' && !isRefused ? { ...state, remaining: Math.min(state.limit, state.remaining + 1) } : state));
}

function Meter({ state: { limit, remaining, resetMs, ...rule } }: { readonly state: LimitState }) {
  const left = `${count(remaining)} left`;
  return (
    <li class={remaining === 0 ? 'meter full' : 'meter'}>
      <span class="meter-line"><span>{ruleText({ limit, ...rule })}</span><strong>{left}</strong></span>
      <progress max={Math.max(1, limit)} value={limit - remaining} aria-label={`${ruleText({ limit, ...rule })}: ${left}`} />
      {resetMs > 0 && <span class="hint">more in {span(Math.ceil(resetMs / 1_000) * 1_000)}</span>}
    </li>
  );
}
