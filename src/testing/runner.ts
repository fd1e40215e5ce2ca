/**
 * What a contract suite needs of a test runner: the `describe` and `it` of Jest, Vitest, Mocha or `node:test`. Suites assert
 * with `node:assert`, so no other part of the runner is asked for.
 */
export interface TestRunner {
  describe(name: string, define: () => void): void;
  it(name: string, test: () => void | Promise<void>): void;
}
