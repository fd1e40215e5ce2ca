import { useEffect } from 'preact/hooks';
import type { Explanation } from '../api/types.js';
import { codeText, count, ruleText } from '../lib/words.js';
import { Empty, Section } from '../parts/basics.js';
import { Notice } from '../parts/notices.js';

/** Every check in the order in which it is asked, and what it says. */
export function Verdict({ answer }: { readonly answer: Explanation | undefined }) {
  // Whoever has pressed the button is at the end of a long form.
  useEffect(() => { if (answer !== undefined) document.getElementById('verdict')?.scrollIntoView({ block: 'nearest' }); }, [answer]);
  return (
    <Section title="What would happen" id="verdict">
      {answer === undefined && <Empty title="Nothing tested yet"><p>Say what the request is like, then press Test.</p></Empty>}
      {answer !== undefined && (
        <>
          <Notice tone={answer.ok ? 'good' : 'bad'} title={answer.ok ? 'It would be let in' : `It would be refused: ${answer.code ?? ''}`} />
          <ol class="verdicts">
            {answer.checks.map(({ check, ok, code }) => (
              <li key={check} class={ok ? 'verdict ok' : 'verdict no'}>
                <span class="verdict-mark" aria-hidden="true">{ok ? '✓' : '✕'}</span>
                <span>{codeText(check)}<span class="visually-hidden">: {ok ? 'passes' : 'refuses'}</span>{code !== undefined && <> <code class="verdict-code">{code}</code></>}</span>
              </li>
            ))}
          </ol>
          {answer.limits.length > 0 && <ul class="list">{answer.limits.map(({ subject, remaining, name, ...rule }) => <li key={`${subject} ${name}`}><span>{ruleText(rule)}</span><span>{count(remaining)} left</span></li>)}</ul>}
        </>
      )}
    </Section>
  );
}
