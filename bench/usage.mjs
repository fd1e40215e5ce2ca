/** What counting and writing down costs a request: `node bench/usage.mjs <number of keys>`. */
import { expect, keystileKeys } from './contestants.mjs';
import { compare, counted, differences, finish, freshTexts, judge, number, ratios, show, spread } from './measure.mjs';
import { memoryActivity, memoryUsage } from '../dist/esm/index.js';

const count = Number(process.argv[2] ?? 1_000);
const REQUEST = { ip: '203.0.113.7', method: 'GET', path: '/v1/orders/42?page=2' };
const KEPT = {
  nothing: {},
  'usage, unusual use off': { usage: memoryUsage(), lifecycle: { unusual: false } },
  usage: { usage: memoryUsage() },
  activity: { activity: memoryActivity(), lifecycle: { unusual: false } },
  'usage and activity': { usage: memoryUsage(), activity: memoryActivity() },
};

async function contestant(name) {
  const { keyring, keys, warm } = await keystileKeys(count, {}, KEPT[name]);
  return {
    name,
    batch: 1_000,
    warm,
    prepare: freshTexts(keys),
    async run(texts) {
      let accepted = 0;
      for (const text of texts) if ((await keyring.verify(text, REQUEST)).ok) accepted++;
      expect(accepted, texts.length, name);
    },
  };
}

const contestants = [];
for (const name of Object.keys(KEPT)) contestants.push(await contestant(name));
const results = await compare(contestants);
const plain = results.get('nothing');
const figures = [...results].map(([kept, { wall, cpu }]) => ({
  keys: number(count), kept, 'ns per key': show(spread(wall), 0), 'CPU ns': show(spread(cpu), 0), 'ns more': show(spread(differences(wall, plain.wall)), 0), '÷ nothing': show(ratios(wall, plain.wall)), 'CPU ÷': show(ratios(cpu, plain.cpu)),
}));
const { wall, cpu } = results.get('usage');
finish({ figures, targets: [judge(`${counted(count, 'key')}: usage`, ratios(wall, plain.wall), '≤', 1.1, ' × nothing kept', ratios(cpu, plain.cpu))] });
