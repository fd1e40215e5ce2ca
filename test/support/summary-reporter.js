import { writeSync } from 'node:fs';

/**
 * Prints `N passed, N failed, N skipped` as the very last line of a run: what a CI machine or a script reads.
 * A test file that could not be loaded counts as one failure, so a broken run never reads as a clean one.
 */
export default class SummaryReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const line = `${results.numPassedTests} passed, ${failed} failed, ${skipped} skipped`;
    // Jest prints its own summary after this callback; only an exit handler comes later still.
    process.once('exit', () => writeSync(1, `${line}\n`));
  }
}
