import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';

/** The name of a page, here and in the tab, with what can be done beside it. */
export function Heading({ title, text, back, aside, children }: { readonly title: ComponentChildren; readonly text: string; readonly back?: readonly [href: string, text: string]; readonly aside?: ComponentChildren; readonly children?: ComponentChildren }) {
  useEffect(() => { document.title = `${text.slice(0, 60)} · API keys`; }, [text]);
  return (
    <div class="page-head">
      {back !== undefined && <a class="back" href={back[0]}>← {back[1]}</a>}
      <div class="page-head-row">
        <h1>{title}</h1>
        {aside !== undefined && <div class="row">{aside}</div>}
      </div>
      {children}
    </div>
  );
}
