import { useState } from 'preact/hooks';
import { useSession } from '../lib/session.js';
import { Button } from './basics.js';

/** Copies a text. Where the browser does not let us (a page without TLS), the text is selected instead, for the person to copy: it is not copied yet. */
export function CopyButton({ text, what, target, onCopied }: { readonly text: string; readonly what: string; readonly target: string; readonly onCopied?: () => void }) {
  const { say } = useSession();
  const [isCopied, setIsCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setIsCopied(true);
      say(`${what} copied`);
      onCopied?.();
    } catch {
      select(target);
      say(`${what} selected: press Ctrl+C or ⌘C to copy it`);
    }
  };
  return <Button onClick={() => void copy()}>{isCopied ? 'Copied' : 'Copy'}<span class="visually-hidden"> {what.toLowerCase()}</span></Button>;
}

function select(id: string): void {
  const element = document.getElementById(id);
  if (element !== null) getSelection()?.selectAllChildren(element);
}
