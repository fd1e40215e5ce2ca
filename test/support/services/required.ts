import { describe, it } from '@jest/globals';

const YELLOW = '\u001b[33m';
const PLAIN = '\u001b[0m';

/** A server that tests need, and how whoever lacks it gets it. */
export interface Service {
  readonly name: string;
  readonly isHere: boolean;
  /** `apt-get install redis-server`, or a variable to set. */
  readonly howToInstall: string;
}

/**
 * `describe` for tests of a real server. Where it is missing they are skipped, loudly, with a yellow line that says how to get it;
 * with `REQUIRE_SERVICES=1` that is a failure.
 */
export function describeWith({ name, isHere, howToInstall }: Service): (title: string, body: () => void) => void {
  if (isHere) return (title, body) => void describe(title, body);
  const missing = `${name} is missing: ${howToInstall}`;
  return (title, body) => {
    if (process.env['REQUIRE_SERVICES'] === '1') {
      it(`${title}: finds its server`, () => {
        throw new Error(missing);
      });
      return;
    }
    process.stderr.write(`${YELLOW}SKIPPED ${title}: ${missing}${PLAIN}\n`);
    describe.skip(title, body);
  };
}
