import { expect } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { KeyQuery, KeyStore } from '../../../src/core/ports.js';
import type { KeyRecord } from '../../../src/core/record.js';
import { walk } from '../../../src/testing/store-records.js';
import { root } from '../../support/repository.js';
import type { FilledEngine } from './filling.js';
import type { Said } from './streaming.js';

/** Starts `children/stream.ts`, or another program, kills it when it has said enough, and gives what it has said. */
export async function killed<Line = Said>(engine: FilledEngine, where: string, name: string, afterLines: number, program = 'stream'): Promise<readonly Line[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', `test/sql/children/${program}.ts`, engine, where, name], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let trouble = '';
  child.stderr.on('data', (data: Buffer) => (trouble += data.toString()));
  const said: Line[] = [];
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const exited = once(child, 'exit');
  const lines = createInterface(child.stdout);
  lines.on('line', (line) => {
    said.push(JSON.parse(line) as Line);
    if (said.length === afterLines) kill();
  });
  await Promise.all([exited, once(lines, 'close')]);
  process.off('exit', kill);
  if (said.length < afterLines) throw new Error(`the stream ended after ${said.length} lines: ${trouble}`);
  return said;
}

/** All that was said is there, and every change that was not is there as a whole or not at all. */
export async function expectKept(store: KeyStore, said: readonly Said[]): Promise<void> {
  for (const { created, rotated, to, renamed, name, revoked, held } of said) {
    if (created !== undefined) expect(await store.find({ by: 'id', id: created })).toMatchObject({ tags: ['streamed'] });
    if (rotated !== undefined) expect(await store.find({ by: 'id', id: rotated })).toMatchObject({ replacedBy: to });
    if (renamed !== undefined) expect(await store.find({ by: 'id', id: renamed })).toMatchObject({ name });
    if (revoked !== undefined) expect(await store.find({ by: 'id', id: revoked })).toMatchObject({ revokedAt: expect.any(Number) });
    if (held !== undefined) expect(await store.find({ by: 'id', id: held })).toBeTruthy();
  }
  const all = await everything(store);
  const byId = new Map(all.map((record) => [record.id, record]));
  for (const { id, replacedBy, rotatedFrom } of all) {
    if (replacedBy !== undefined) expect(byId.get(replacedBy)?.rotatedFrom).toBe(id);
    if (rotatedFrom !== undefined) expect(byId.get(rotatedFrom)?.replacedBy).toBe(id);
  }
  const tagged = all.filter(({ tags }) => tags?.includes('streamed') === true);
  expect(await everything(store, { tag: 'streamed' })).toEqual(tagged);
  expect(await everything(store, { search: 'renamed' })).toEqual(all.filter(({ name }) => name.startsWith('renamed')));
}

async function everything(store: KeyStore, filter: Partial<KeyQuery> = {}): Promise<readonly KeyRecord[]> {
  const { ids } = await walk(store, { limit: 500, now: 0, ...filter });
  return Promise.all(ids.map(async (id) => (await store.find({ by: 'id', id })) as KeyRecord));
}
