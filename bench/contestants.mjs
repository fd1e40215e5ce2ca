/** Ways to verify a key: keystile, the plainest floor, and two peers. Each answers with its keys and a contestant. */
import { hash, timingSafeEqual } from 'node:crypto';
import passport from 'passport';
import passportHeaderApiKey from 'passport-headerapikey';
import { checkAPIKey, extractShortToken, generateAPIKey } from 'prefixed-api-key';
import { createKeyring } from '../dist/esm/index.js';
import { freshTexts } from './measure.mjs';

const FOREVER = 8.64e15;

/** Every key must be accepted: a contestant that is fast because it refuses would go unnoticed. */
export const expect = (accepted, wanted, name) => {
  if (accepted !== wanted) throw new Error(`${name} accepted ${accepted} of ${wanted}`);
};

/** Rules of a restricted key, and a request that fits them. */
export const ACCESS = {
  ips: { allow: ['203.0.113.0/24', '127.0.0.0/8', '2001:db8::/32'] },
  endpoints: { allow: ['GET /v1/orders', 'GET /v1/orders/:id', 'POST /v1/orders'] },
};

export async function keystileKeys(count, settings = {}, options = {}) {
  const keyring = createKeyring({ prefix: 'awx', scopes: { read: [], write: ['read'] }, ...options });
  const keys = [];
  for (let index = 0; index < count; index++) keys.push((await keyring.create({ name: `key ${index}`, scopes: ['read'], ...settings })).key);
  return { keyring, keys, warm: () => useAll(keyring, keys) };
}

/** The steady state: every key has been used before, and lately. */
async function useAll(keyring, keys) {
  for (const key of keys) (await keyring.verify(key, { ip: '203.0.113.7', method: 'GET', path: '/v1/orders/42', scopes: ['read'] })).release();
}

export async function keystile(count, name = 'keystile', options = {}) {
  const { keyring, keys, warm } = await keystileKeys(count, {}, options);
  return {
    name,
    batch: 1_000,
    warm,
    prepare: freshTexts(keys),
    async run(texts) {
      let accepted = 0;
      for (const text of texts) if ((await keyring.verify(text)).ok) accepted++;
      expect(accepted, texts.length, name);
    },
  };
}

export async function keystileWithRules(count) {
  const { keyring, keys, warm } = await keystileKeys(count, { access: ACCESS });
  return {
    name: 'keystile, ip + endpoint + scope',
    batch: 1_000,
    warm,
    prepare: freshTexts(keys),
    async run(texts) {
      let accepted = 0;
      for (const text of texts) {
        const { ok } = await keyring.verify(text, { ip: '203.0.113.7', method: 'GET', path: '/v1/orders/42', scopes: ['read'] });
        if (ok) accepted++;
      }
      expect(accepted, texts.length, 'keystile with rules');
    },
  };
}

/** Cut the key, Map look-up, one-shot SHA-256, `timingSafeEqual`, expiry: nothing can be left out and still verify. */
export function floorOf(keys) {
  const cut = (key) => key.slice(9, 21);
  const records = new Map(keys.map((key) => [cut(key), { digest: Buffer.from(hash('sha256', key, 'binary'), 'latin1'), expiresAt: FOREVER }]));
  const scratch = Buffer.alloc(32);
  return (key) => {
    const record = records.get(cut(key));
    if (record === undefined) return false;
    scratch.latin1Write(hash('sha256', key, 'binary'));
    return timingSafeEqual(scratch, record.digest) && Date.now() < record.expiresAt;
  };
}

export function floors(keys) {
  const verify = floorOf(keys);
  const verifyLater = async (key) => verify(key);
  const plain = {
    name: 'floor',
    batch: 1_000,
    prepare: freshTexts(keys),
    run(texts) {
      let accepted = 0;
      for (const text of texts) if (verify(text)) accepted++;
      expect(accepted, texts.length, 'floor');
    },
  };
  const awaited = {
    name: 'floor, as an async function',
    batch: 1_000,
    prepare: freshTexts(keys),
    async run(texts) {
      let accepted = 0;
      for (const text of texts) if (await verifyLater(text)) accepted++;
      expect(accepted, texts.length, 'floor');
    },
  };
  return [plain, awaited];
}

export async function prefixedApiKey(count) {
  const made = [];
  for (let index = 0; index < count; index++) made.push(await generateAPIKey({ keyPrefix: 'awx' }));
  const records = new Map(made.map(({ shortToken, longTokenHash }) => [shortToken, { longTokenHash, expiresAt: FOREVER }]));
  return {
    name: 'prefixed-api-key + Map',
    batch: 500,
    prepare: freshTexts(made.map(({ token }) => token)),
    run(texts) {
      let accepted = 0;
      for (const text of texts) {
        const record = records.get(extractShortToken(text));
        if (record !== undefined && checkAPIKey(text, record.longTokenHash) && Date.now() < record.expiresAt) accepted++;
      }
      expect(accepted, texts.length, 'prefixed-api-key');
    },
  };
}

/**
 * As its README says, `passport.authenticate` with the strategy; and, for information, the strategy alone, called the way
 * passport calls it. The Map's key is the quickest digest that Node offers.
 */
export function passportKeys(keys) {
  const records = new Map(keys.map((key) => [hash('sha256', key, 'hex'), { expiresAt: FOREVER }]));
  const strategy = new passportHeaderApiKey.HeaderAPIKeyStrategy({ header: 'X-API-Key', prefix: '' }, false, (key, done) => {
    const record = records.get(hash('sha256', key, 'hex'));
    done(null, record !== undefined && Date.now() < record.expiresAt ? record : false);
  });
  const instance = new passport.Passport();
  instance.use(strategy);
  const authenticate = instance.authenticate('headerapikey', { session: false });
  const whole = {
    name: 'passport-headerapikey + SHA-256 Map',
    batch: 500,
    prepare: freshTexts(keys),
    run(texts) {
      let accepted = 0;
      const next = () => accepted++;
      for (const text of texts) authenticate({ headers: { 'x-api-key': text } }, {}, next);
      expect(accepted, texts.length, 'passport-headerapikey');
    },
  };
  const alone = {
    name: 'its strategy without passport',
    batch: 500,
    prepare: freshTexts(keys),
    run(texts) {
      let accepted = 0;
      for (const text of texts) {
        const attempt = Object.create(strategy);
        attempt.success = () => accepted++;
        attempt.fail = () => undefined;
        attempt.authenticate({ headers: { 'x-api-key': text } });
      }
      expect(accepted, texts.length, 'the strategy');
    },
  };
  return [whole, alone];
}
