/** Verifying valid keys in process: `node bench/verify.mjs <number of keys>`. */
import { floors, keystile, keystileWithRules, passportKeys, prefixedApiKey } from './contestants.mjs';
import { compare, counted, finish, judge, number, ratios, remote, show, spread } from './measure.mjs';
import { createKeyring } from '../dist/esm/index.js';

const count = Number(process.argv[2] ?? 1_000);
/** better-auth takes a millisecond to make a key; a Map of 2,000 entries is no slower than one of 100,000. */
const MOST_BETTER_AUTH_KEYS = 2_000;

const { format } = createKeyring({ prefix: 'awx' });
const plainKeys = Array.from({ length: count }, () => format.generate({ environment: 'live' }).key);
const betterAuth = await remote('better-auth verifyApiKey', 'better-auth.mjs', [String(Math.min(count, MOST_BETTER_AUTH_KEYS))]);
const contestants = [
  ...floors(plainKeys),
  await keystile(count),
  await keystileWithRules(count),
  // For information: what a key costs that has not been used for half a minute.
  await keystile(count, 'keystile without its cache', { cache: false }),
  await prefixedApiKey(count),
  ...passportKeys(plainKeys),
  betterAuth,
];
const results = await compare(contestants);
betterAuth.stop();
const floor = results.get('floor');
const own = results.get('keystile');

const figures = [...results].map(([contestant, { wall, cpu }]) => ({
  keys: number(count),
  contestant,
  'ns per key': show(spread(wall), 0),
  'CPU ns': show(spread(cpu), 0),
  '÷ floor': show(ratios(wall, floor.wall)),
  'CPU ÷ floor': show(ratios(cpu, floor.cpu)),
  '÷ keystile': show(ratios(wall, own.wall)),
}));
const against = (name, sign, bound, unit, over = results.get(name), under = own) =>
  judge(`${counted(count, 'key')}: ${name}${under === floor ? '' : ', times slower than keystile'}`, ratios(over.wall, under.wall), sign, bound, unit, ratios(over.cpu, under.cpu));
const peers = count >= 100_000 ? 1.6 : 2;
const targets = [
  against('keystile', '≤', 1.3, ' × the floor', own, floor),
  against('keystile, ip + endpoint + scope', '≤', 1.8, ' × the floor', undefined, floor),
  against('prefixed-api-key + Map', '≥', peers, ' ×'),
  against('passport-headerapikey + SHA-256 Map', '≥', peers, ' ×'),
  against('better-auth verifyApiKey', '≥', 100, ' ×'),
];
finish({ figures, targets });
