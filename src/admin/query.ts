import { pointerPart } from './plain-json.js';
import { invalidInput } from './problems.js';

const MAX_QUERY = 8_192;

/** Query parameters as an object of texts; a repeated one is refused, since readers disagree about which counts. */
export function readQuery(query: string): Readonly<Record<string, string>> {
  if (query.length > MAX_QUERY) throw invalidInput({ field: '', message: `the query must be at most ${String(MAX_QUERY)} characters`, code: 'too_big' });
  const read = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (read.has(name)) throw invalidInput({ field: `/${pointerPart(name)}`, message: 'is given twice', code: 'repeated' });
    if (name === '__proto__') throw invalidInput({ field: '/__proto__', message: 'is not a field', code: 'unrecognized_keys' });
    read.set(name, value);
  }
  return Object.fromEntries(read);
}
