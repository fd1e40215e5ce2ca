/**
 * Verifying keys that are in no cache, among one million, beside a bare prepared select by primary key through the same driver.
 *
 *     node --expose-gc bench/cold.mjs sqlite|postgres
 *
 * The keys are made by keystile itself and put into its tables in bulk. `COLD_KEYS` makes them fewer, to see whether it runs.
 */
import { createKeyring, memoryStore } from '../dist/esm/index.js';
import { ENGINES } from './databases.mjs';
import { compare, counted, finish, judge, number, QUICK, ratios, show, spread } from './measure.mjs';

const [engine = 'sqlite'] = process.argv.slice(2);
const COUNT = Number(process.env['COLD_KEYS'] ?? (QUICK ? 20_000 : 1_000_000));
/** Every tenth key is asked for, in turn, wherever its random id has put it: none comes back before all the others have been asked for. */
const ASKED = 10;
const BULK = 5_000;
const SMALL_CACHE = 1_000;
const IN_FLIGHT = engine === 'sqlite' ? [1] : [1, 10];

const database = await ENGINES[engine]();
const asked = await fillUp();
const { store, select, close } = await database.open();
/** What is noted of a use and written later is no part of the verification. */
const silent = { ...store, touch: () => undefined };
const keyrings = {
  'keystile, no cache': createKeyring({ prefix: 'awx', store: silent, cache: false }),
  [`keystile, a cache of ${number(SMALL_CACHE)}`]: createKeyring({ prefix: 'awx', store: silent, cache: { max: SMALL_CACHE } }),
  'keystile, no cache, uses written': createKeyring({ prefix: 'awx', store, cache: false }),
};

let turn = 0;
const next = (size, text) => Array.from({ length: size }, () => text(asked[turn++ % asked.length]));
const fresh = (stored) => stored.latin1Slice();
const idIn = (stored) => fresh(stored).split('_')[2];

const contestants = IN_FLIGHT.flatMap((inFlight) => {
  const name = (what) => (inFlight === 1 ? what : `${what}, ${inFlight} in flight`);
  const contestant = (what, text, ask) => ({ name: name(what), batch: engine === 'sqlite' ? 500 : 200, prepare: (size) => next(size, text), run: (texts) => inTurn(texts, inFlight, ask) });
  return [
    contestant('bare select', idIn, async (id) => {
      if ((await select(id)) === undefined) throw new Error(`${id} was not found`);
    }),
    contestant('store.find', idIn, (id) => store.find({ by: 'id', id })),
    ...Object.entries(keyrings).map(([what, keyring]) => contestant(what, fresh, async (key) => {
      if (!(await keyring.verify(key)).ok) throw new Error('a key was refused');
    })),
  ];
});
const results = await compare(contestants, QUICK ? 100 : 500);

const figures = [...results].map(([what, { wall, cpu }]) => ({ what: `${engine}: ${what}`, 'µs per key': show(spread(wall.map((ns) => ns / 1_000)), 1), 'µs of CPU': show(spread(cpu.map((ns) => ns / 1_000)), 1) }));
const targets = IN_FLIGHT.flatMap((inFlight) => Object.keys(keyrings).slice(0, 2).map((what) => {
  const suffix = inFlight === 1 ? '' : `, ${inFlight} in flight`;
  const [over, under] = [results.get(what + suffix), results.get(`bare select${suffix}`)];
  return judge(`${engine}, ${counted(COUNT, 'key')}: ${what}${suffix} / bare select`, ratios(over.wall, under.wall), '≤', 1.5, ' ×', ratios(over.cpu, under.cpu));
}));
figures.push(...(await memory()));
for (const keyring of Object.values(keyrings)) await keyring.close();
await close();
await database.end();
finish({ figures, targets });

async function inTurn(texts, inFlight, ask) {
  if (inFlight === 1) for (const text of texts) await ask(text);
  else {
    let index = 0;
    const worker = async () => {
      while (index < texts.length) await ask(texts[index++]);
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
  }
}

/** What the process holds after so many different keys have come by: no more than its cache lets it. */
async function memory() {
  if (globalThis.gc === undefined) return [];
  const rows = [];
  for (const max of [0, SMALL_CACHE, 20_000]) {
    const keyring = createKeyring({ prefix: 'awx', store, cache: { max } });
    const heap = () => (globalThis.gc(), process.memoryUsage().heapUsed);
    const before = heap();
    const sizes = [];
    for (const part of [0, 1]) {
      for (const stored of asked.slice((part * asked.length) / 2, ((part + 1) * asked.length) / 2)) await keyring.verify(fresh(stored));
      sizes.push(`${((heap() - before) / 1e6).toFixed(1)} MB after ${number(((part + 1) * asked.length) / 2)} keys`);
    }
    rows.push({ what: `${engine}: heap, a cache of ${number(max)}`, 'µs per key': sizes.join(', '), 'µs of CPU': '' });
    await keyring.close();
  }
  return rows;
}

/** All the keys, made by a keyring whose store hands them on in bulk; answers the texts of every tenth, as bytes. */
async function fillUp() {
  let records = [];
  const keyring = createKeyring({ prefix: 'awx', store: { ...memoryStore(), insert: (record) => (records.push(record), 'inserted') } });
  const texts = [];
  for (let made = 0; made < COUNT; made++) {
    const { key } = await keyring.create({ name: `Service ${made}`, tenantId: `tenant-${made % 1_000}`, owner: { type: 'user', id: `user-${made % 20_011}` }, metadata: { plan: 'gold', seats: made % 50 } });
    if (made % ASKED === 0) texts.push(Buffer.from(key, 'latin1'));
    if (records.length < BULK && made < COUNT - 1) continue;
    await database.add(records);
    records = [];
  }
  await database.ready();
  await keyring.close();
  return texts;
}
