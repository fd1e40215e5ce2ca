import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Before all tests: the dashboard's page is built where it is missing or older than its sources. */
export default function buildPage() {
  const { status } = spawnSync(process.execPath, [fileURLToPath(new URL('../../scripts/build-dashboard.mjs', import.meta.url)), '--if-needed'], { stdio: 'inherit' });
  if (status !== 0) throw new Error('the page of the dashboard cannot be built');
}
