import type { ComponentChildren, JSX } from 'preact';
import type { Status } from '../api/types.js';
import { ago, codeText, moment } from '../lib/words.js';

/** Longer names are cut on the screen; the whole one stands in the title. */
const SHOWN = 200;

/** Something that leaves a mark on the screen: no space, nothing that only steers what stands beside it, no empty braille cell. */
const MARK = /[^\s\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]/u;

/** Nobody could read what leaves no mark, nor press a link that is made of it. */
const visible = (text: string): string =>
  text === '' || MARK.test(text) ? text : Array.from(text, (character) => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`).join(' ');

const cut = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);

/** Somebody else's words: as text, cut, and kept from turning round what stands beside them. */
export function Words({ text, mono }: { readonly text: string; readonly mono?: boolean }) {
  const shown = cut(visible(text));
  return <bdi class={mono === true ? 'words mono' : 'words'} {...(shown !== text && { title: text.slice(0, 1_000) })}>{shown}</bdi>;
}

/** A time as people say it, with the exact one beside it. */
export function Time({ at, now }: { readonly at: string | undefined; readonly now: number }) {
  if (at === undefined) return <span class="quiet">never</span>;
  return <time dateTime={at} title={moment(at)}>{ago(at, now)}</time>;
}

const TONES: Readonly<Record<Status, string>> = { active: 'good', scheduled: 'info', disabled: 'warn', expired: 'plain', revoked: 'bad' };

export const StatusBadge = ({ status }: { readonly status: Status }) => <span class={`badge ${TONES[status]}`}>{codeText(status)}</span>;

export const Badge = ({ tone, title, children }: { readonly tone: 'warn' | 'plain' | 'info' | 'bad' | 'good'; readonly title?: string | undefined; readonly children: ComponentChildren }) => (
  <span class={`badge ${tone}`} title={title}>{children}</span>
);

type ButtonProps = Omit<JSX.IntrinsicElements['button'], 'size'> & { readonly tone?: 'main' | 'bad' | 'plain'; readonly busy?: boolean };

/** A busy button keeps its focus, and cannot be pressed twice. */
export function Button({ tone = 'plain', busy = false, type = 'button', onClick, children, ...rest }: ButtonProps) {
  return (
    <button {...rest} type={type} class={`button ${tone}`} aria-disabled={busy} aria-busy={busy} onClick={busy ? (event) => { event.preventDefault(); } : onClick}>
      {children}
    </button>
  );
}

export const LinkButton = ({ href, tone = 'plain', children }: { readonly href: string; readonly tone?: 'main' | 'plain'; readonly children: ComponentChildren }) => (
  <a class={`button ${tone}`} href={href}>{children}</a>
);

/** A part of a page under a heading. */
export function Section({ title, aside, id, children, tone }: { readonly title: string; readonly aside?: ComponentChildren; readonly id: string; readonly children: ComponentChildren; readonly tone?: 'bad' }) {
  return (
    <section class={tone === undefined ? 'card' : `card ${tone}`} aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {children}
    </section>
  );
}

/** Nothing to show, why, and what to do. */
export const Empty = ({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) => (
  <div class="empty">
    <p class="empty-title">{title}</p>
    {children}
  </div>
);
