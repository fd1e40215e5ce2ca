import { expect } from '@jest/globals';
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createKeyring } from '../../../src/keyring.js';
import type { KeyStore } from '../../../src/core/ports.js';
import { root } from '../../support/repository.js';
import type { FilledEngine } from './filling.js';

/** What `children/peer.ts` is asked, one at a time. */
export type Asked = Readonly<Partial<Record<'rotate' | 'update' | 'claim' | 'regenerate' | 'verify' | 'refuse', string> & { isHeard: boolean }>>;

export interface Peer {
  /** `done`, a value, or the code of what went wrong. */
  ask(asked: Asked): Promise<unknown>;
  stop(): Promise<void>;
}

export async function startPeer(engine: FilledEngine, where: string): Promise<Peer> {
  const child: ChildProcess = fork('test/sql/children/peer.ts', [engine, where], { cwd: root, execArgv: ['--import', 'tsx'], stdio: 'inherit' });
  const kill = (): void => void child.kill('SIGKILL');
  process.once('exit', kill);
  const said = async (): Promise<unknown> => ((await once(child, 'message')) as [{ readonly value: unknown }])[0].value;
  await said();
  return {
    ask(asked) {
      child.send(asked);
      return said();
    },
    async stop() {
      process.off('exit', kill);
      kill();
      await once(child, 'exit');
    },
  };
}

const ROUNDS = 10;

/** Two processes that want the same at the same moment: one wins, the other is told. */
export async function expectOneWinner(engine: FilledEngine, where: string, store: KeyStore): Promise<void> {
  const peers = await Promise.all([startPeer(engine, where), startPeer(engine, where)]);
  const both = async (asked: Asked): Promise<unknown[]> => (await Promise.all(peers.map((peer) => peer.ask(asked)))).sort();
  const keyring = createKeyring({ prefix: 'awx', store, cache: false });
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const [{ apiKey: first }, { apiKey: second }] = [await keyring.create({ name: 'raced' }), await keyring.create({ name: 'raced' })];
      expect(await both({ rotate: first.id })).toEqual(['already_rotated', 'done']);
      expect(await both({ update: second.id })).toEqual(['done', 'version_conflict']);
      const tenantId = `raced-${round}`;
      expect(await both({ claim: tenantId })).toEqual(['done', 'slot_taken']);
      // One after the other both may; at once, one of them finds the slot taken.
      const regenerated = await both({ regenerate: tenantId });
      expect([['done', 'done'], ['done', 'slot_taken']]).toContainEqual(regenerated);
      const held = (await keyring.list({ tenantId, slot: 'primary' })).keys;
      expect(held).toHaveLength(1);
      expect((await keyring.list({ tenantId, status: 'active' })).keys).toEqual(held);
    }
  } finally {
    await keyring.close();
    for (const peer of peers) await peer.stop();
  }
}
