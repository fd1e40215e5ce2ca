// The testing entry brings no test runner along.
import { fakeClock, limiterContract, storeContract, testKeyring } from 'keystile/testing';

const entries: readonly ((...args: never[]) => unknown)[] = [fakeClock, limiterContract, storeContract, testKeyring];
if (entries.some((entry) => typeof entry !== 'function')) throw new Error('keystile/testing is not whole');
