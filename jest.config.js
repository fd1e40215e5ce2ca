/** Native ESM: run through `npm test`, which passes Node's --experimental-vm-modules. */
const swc = {
  swcrc: false,
  sourceMaps: 'inline',
  jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
  module: { type: 'es6' },
};

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  // Only what hangs should fail for its time: a loaded machine may take several times as long as an idle one.
  testTimeout: 60_000,
  // Jest would leave one core idle, which on two is half of the machine.
  maxWorkers: '100%',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  // Projects of the package suite are copied elsewhere before they run; their package.json files are not modules of ours.
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/test/package/projects'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': ['@swc/jest', swc] },
  moduleNameMapper: {
    '^keystile$': '<rootDir>/src/index.ts',
    '^keystile/(admin|connect|jwt|redis|sql|testing)$': '<rootDir>/src/$1/index.ts',
    // Sources import each other with the ending that the build will have.
    '^(\\.{1,2}/.*)\\.js$': '$1',
  },
  globalSetup: '<rootDir>/test/support/built-page.js',
  reporters: ['default', '<rootDir>/test/support/summary-reporter.js'],
};
