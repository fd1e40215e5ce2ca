/** Refusing keys in process: made up, wrong secret, unknown id. `node bench/refusals.mjs <number of keys>`. */
import { crc32 } from 'node:zlib';
import { expect, floors, keystileKeys } from './contestants.mjs';
import { compare, counted, finish, freshTexts, judge, number, randomOf, ratios, show, spread } from './measure.mjs';
import { memoryStore } from '../dist/esm/index.js';

const count = Number(process.argv[2] ?? 1_000);
const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const CHECKSUM = 6;

const store = memoryStore();
let storeCalls = 0;
const counting = {
  insert: (record) => store.insert(record),
  find(lookup) {
    storeCalls++;
    return store.find(lookup);
  },
  update: (...change) => store.update(...change),
  delete: (id) => store.delete(id),
  list: (query) => store.list(query),
};
const { keyring, keys } = await keystileKeys(count, {}, { store: counting });
const generate = () => keyring.format.generate({ environment: 'live' }).key;

/** The checksum that belongs to a text, computed without the library. */
function checksumOf(text) {
  let rest = crc32(text);
  let digits = '';
  for (let index = 0; index < CHECKSUM; index++) {
    digits = BASE62[rest % 62] + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

const random = randomOf(7);
const lastDigitChanged = (key) => key.slice(0, -1) + BASE62[(BASE62.indexOf(key.at(-1)) + 1 + random(61)) % 62];
const withOtherSecret = (key) => {
  const body = key.slice(0, 22) + generate().slice(22, -CHECKSUM);
  return body + checksumOf(body);
};
if (checksumOf(keys[0].slice(0, -CHECKSUM)) !== keys[0].slice(-CHECKSUM)) throw new Error('the checksum of this benchmark is not the one of the library');

function refused(name, texts) {
  return {
    name,
    batch: 1_000,
    prepare: freshTexts(texts),
    async run(batch) {
      let accepted = 0;
      for (const text of batch) if ((await keyring.verify(text)).ok) accepted++;
      expect(accepted, 0, name);
    },
  };
}

const POOL = 10_000;
const pool = (make) => Array.from({ length: POOL }, (_, index) => make(keys[index % count]));
const kinds = new Map([
  ['made up: wrong checksum', pool(() => lastDigitChanged(generate()))],
  ['right id, wrong secret', pool(withOtherSecret)],
  ['unknown id', pool(generate)],
]);

const callsPerKey = new Map();
for (const [name, texts] of kinds) {
  storeCalls = 0;
  const codes = new Set();
  for (const text of texts) codes.add((await keyring.verify(text)).code);
  callsPerKey.set(name, { code: [...codes].join(', '), calls: storeCalls / texts.length });
}

const results = await compare([...floors(keys).slice(0, 1), ...[...kinds].map(([name, texts]) => refused(name, texts))]);
const floor = results.get('floor');
const figures = [...results].map(([what, { wall, cpu }]) => ({
  keys: number(count),
  what: what === 'floor' ? 'floor, accepting a valid key' : what,
  code: callsPerKey.get(what)?.code ?? '',
  'store calls per key': callsPerKey.get(what)?.calls ?? '',
  'ns per key': show(spread(wall), 0),
  'CPU ns': show(spread(cpu), 0),
  '÷ floor': show(ratios(wall, floor.wall)),
}));

const made = results.get('made up: wrong checksum');
const wrong = results.get('right id, wrong secret');
const unknown = results.get('unknown id');
const apart = ratios(unknown.wall, wrong.wall);
const calls = callsPerKey.get('made up: wrong checksum').calls;
const far = Math.abs(apart.median - 1);
const targets = [
  judge(`${counted(count, 'key')}: made up`, ratios(made.wall, floor.wall), '≤', 0.5, ' × the floor', ratios(made.cpu, floor.cpu)),
  judge(`${counted(count, 'key')}: store calls of a made-up key`, spread([calls]), '≤', 0, ''),
  { what: `${counted(count, 'key')}: unknown id ÷ wrong secret`, measured: show(apart), 'by CPU time': show(ratios(unknown.cpu, wrong.cpu)), target: '0.90 to 1.10', reached: far <= 0.1 ? 'yes' : `no, ${(100 * far).toFixed(0)} % apart` },
];
finish({ figures, targets });
