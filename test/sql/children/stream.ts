/**
 * Creates, rotates, changes and revokes keys as fast as it can, and says so after each acknowledgement, one JSON line each. Run in a
 * process of its own and killed: `tsx stream.ts sqlite <path> <name>`, or `postgres`, `mariadb` or `mysql` with its URL.
 */
import { createKeyring } from '../../../src/keyring.js';
import type { FilledEngine } from '../suites/filling.js';
import { streamed } from '../suites/streaming.js';
import { opened } from './opened.js';

const [engine = 'sqlite', where = '', name = 'stream'] = process.argv.slice(2);
const keyring = createKeyring({ prefix: 'awx', ...opened(engine as FilledEngine, where) });

async function work(tenantId: string): Promise<never> {
  for (let round = 0; ; round++) await streamed(keyring, tenantId, round, (said) => process.stdout.write(`${JSON.stringify(said)}\n`));
}

await Promise.all(['a', 'b', 'c'].map((tenant) => work(`${name}-${tenant}`)));
