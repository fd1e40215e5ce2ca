/**
 * Uses keys as fast as it can, and says how often: before what it has counted is written, and after. Run in a process of its own and
 * killed: `tsx counting.ts sqlite <path> <tenant>`, or `postgres`, `mariadb` or `mysql` with its URL.
 */
import { createKeyring } from '../../../src/keyring.js';
import { sqlActivity } from '../../../src/sql/activity.js';
import { sqlUsage } from '../../../src/sql/usage.js';
import type { FilledEngine } from '../suites/filling.js';
import { databaseOf } from './opened.js';

const [engine = 'sqlite', where = '', tenantId = 't'] = process.argv.slice(2);
const target = databaseOf(engine as FilledEngine, where);
const keyring = createKeyring({ prefix: 'awx', usage: sqlUsage(target), activity: sqlActivity(target) });
const keys = await Promise.all(Array.from({ length: 20 }, () => keyring.create({ name: 'x', tenantId })));
let faults = 0;
keyring.on('fault', () => { faults++; });

for (let made = 0; ; ) {
  for (const { key } of [...keys, ...keys, ...keys]) {
    await keyring.verify(key);
    made++;
  }
  process.stdout.write(`${JSON.stringify({ made })}\n`);
  const before = faults;
  await keyring.flush();
  if (faults === before) process.stdout.write(`${JSON.stringify({ counted: made })}\n`);
}
