/**
 * A process at the same keys as another one: does what it is asked by message, and answers with how it went. `tsx peer.ts sqlite <path>`,
 * or `postgres`, `mariadb` or `mysql` with its URL.
 */
import { createKeyring } from '../../../src/keyring.js';
import type { FilledEngine } from '../suites/filling.js';
import type { Asked } from '../suites/peers.js';
import { opened } from './opened.js';

const [engine = 'sqlite', where = ''] = process.argv.slice(2);
const keyring = createKeyring({ prefix: 'awx', ...opened(engine as FilledEngine, where) });

/** When this process first refuses a key, in epoch milliseconds. */
async function refusedAt(key: string): Promise<number> {
  while ((await keyring.verify(key)).ok) await new Promise((resolve) => setImmediate(resolve));
  return performance.timeOrigin + performance.now();
}

async function answer(asked: Asked): Promise<unknown> {
  if (asked.rotate !== undefined) return keyring.rotate(asked.rotate);
  if (asked.update !== undefined) return keyring.update(asked.update, { name: `by ${process.pid}` }, { version: 1 });
  if (asked.claim !== undefined) return keyring.create({ name: `by ${process.pid}`, tenantId: asked.claim, slot: 'primary' });
  if (asked.regenerate !== undefined) return keyring.regenerate(asked.regenerate, 'primary');
  if (asked.isHeard === true) return (await keyring.health()).invalidation?.ok === true;
  if (asked.verify !== undefined) return (await keyring.verify(asked.verify)).ok;
  return refusedAt(asked.refuse ?? '');
}

process.on('message', (asked: Asked) => {
  answer(asked).then(
    (value) => process.send?.({ value: typeof value === 'object' ? 'done' : value }),
    (error: unknown) => process.send?.({ value: (error as { readonly code?: string }).code ?? String(error) }),
  );
});
process.send?.({ value: 'ready' });
