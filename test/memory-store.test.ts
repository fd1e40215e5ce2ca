import { describe, it } from '@jest/globals';
import { memoryStore } from '../src/memory/store.js';
import { storeContract } from '../src/testing/store-contract.js';

storeContract({ describe, it }, () => ({ store: memoryStore() }));
