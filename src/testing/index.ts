/** `keystile/testing`: the contracts of the ports as tests, and what tests of an application need. */
export { fakeClock, type FakeClock } from './fake-clock.js';
export { limiterContract, type MakeLimiter } from './limiter-contract.js';
export type { TestRunner } from './runner.js';
export { storeContract } from './store-contract.js';
export type { StoreUnderTest } from './store-records.js';
export { testKeyring, type TestKeyring } from './test-keyring.js';
export { activityContract, type ActivityUnderTest } from './activity-contract.js';
export { usageContract, type UsageUnderTest } from './usage-contract.js';
