/**
 * better-auth in a process of its own: its AsyncLocalStorage makes Node 20 call a hook for every promise, which would
 * slow whatever else awaits there. Measured when the parent asks, so that the rounds stay interleaved.
 */
import { randomBytes } from 'node:crypto';
import { apiKey } from '@better-auth/api-key';
import { betterAuth } from 'better-auth';
import { expect } from './contestants.mjs';
import { freshTexts, once } from './measure.mjs';

/** better-auth with a Map as secondary storage: its memory adapter scans, its SQL adapters query. Rate limiting is off. */
async function betterAuthKeys(count) {
  const entries = new Map();
  const customStorage = { get: (id) => entries.get(id) ?? null, set: (id, value) => void entries.set(id, value), delete: (id) => void entries.delete(id) };
  const auth = betterAuth({
    secret: randomBytes(32).toString('hex'),
    baseURL: 'http://localhost',
    logger: { disabled: true },
    telemetry: { enabled: false },
    plugins: [apiKey({ storage: 'secondary-storage', customStorage, rateLimit: { enabled: false } })],
  });
  const { internalAdapter } = await auth.$context;
  const keys = [];
  for (let index = 0; index < count; index++) {
    // A user of its own for each key: the list of a user's keys, rewritten with every use, stays short.
    const { id } = await internalAdapter.createUser({ email: `${index}@example.com`, name: 'user' });
    keys.push((await auth.api.createApiKey({ body: { userId: id } })).key);
  }
  return {
    name: 'better-auth verifyApiKey',
    batch: 20,
    prepare: freshTexts(keys),
    async run(texts) {
      let accepted = 0;
      for (const text of texts) if ((await auth.api.verifyApiKey({ body: { key: text } })).valid) accepted++;
      expect(accepted, texts.length, 'better-auth');
    },
  };
}

const contestant = await betterAuthKeys(Number(process.argv[2] ?? 1_000));
process.on('message', async (timeMs) => {
  process.send(await once(contestant, timeMs));
});
process.send('ready');
