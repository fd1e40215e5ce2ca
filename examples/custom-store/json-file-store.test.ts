import { afterAll, describe, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { storeContract } from 'keystile/testing';
import { jsonFileStore } from './json-file-store.js';

const folder = mkdtempSync(join(tmpdir(), 'json-file-store-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

// Every promise of a store is a test of this suite; each test gets a file of its own.
let files = 0;
storeContract({ describe, it }, () => ({ store: jsonFileStore(join(folder, `${String(files++)}.json`)) }));
