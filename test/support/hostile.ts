import { createKeyring, type ApiKeyAuthOptions, type Keyring } from 'keystile';
import { hash } from 'node:crypto';
import { echo, type Scope } from './app.js';
import { hosts } from './hosts.js';
import type { Listen, TestServer } from './servers.js';
import type { RawAnswer } from './raw-http.js';

/** A request that nobody honest sends, and the status or refusal code it must meet. */
export interface Attack {
  readonly name: string;
  readonly bytes: string | Buffer;
  readonly expect: string | number;
  /** How many answers are due: one for each pipelined request. */
  readonly answers?: number;
  /** What the response must not repeat. */
  readonly secrets?: readonly string[];
}

/** The same server on every host, behind one keyring. */
export interface Fortress {
  readonly keyring: Keyring<Scope>;
  /** What went wrong with attacks; empty when every host refused each as it should. */
  withstand(attacks: readonly Attack[]): Promise<string[]>;
}

const AT_ONCE = 16;

export async function fortress(listen: Listen, auth: ApiKeyAuthOptions<Scope> = {}): Promise<Fortress> {
  const keyring = createKeyring<Scope, string>({ prefix: 'awx', scopes: { read: [], write: ['read'] }, limits: { failures: [] } });
  const faults: unknown[] = [];
  keyring.on('fault', ({ error }) => faults.push(error));
  const reached: string[] = [];
  const servers: TestServer[] = [];
  for (const host of hosts) {
    const middleware = host.apiKeyAuth<Scope, string>(keyring, auth);
    servers.push(await listen(host.listener([middleware, (req, res) => { reached.push(`reached: ${req.method} ${req.url}`); echo(req, res); }])));
  }
  const one = async (attack: Attack): Promise<string[]> => {
    const all = await Promise.all(servers.map(async (server) => server.raw(attack.bytes)));
    const [first = []] = all;
    const complaints = [
      ...first.flatMap((answer) => (verdictOf(answer) === attack.expect || answer.status === attack.expect ? [] : [`got ${verdictOf(answer)}, not ${attack.expect}`])),
      ...(first.length === (attack.answers ?? 1) ? [] : [`${first.length} answers`]),
      ...all.flatMap((answers, index) => (JSON.stringify(answers.map(shownOf)) === JSON.stringify(first.map(shownOf)) ? [] : [`${hosts[index]?.name ?? ''} answers otherwise: ${JSON.stringify(answers.map(shownOf))}`])),
      ...all.flat().flatMap((answer) => leaksIn(answer, attack.secrets ?? [])),
    ];
    return complaints.map((complaint) => `${attack.name}: ${complaint}`);
  };
  return {
    keyring,
    async withstand(attacks) {
      const complaints: string[] = [];
      for (let at = 0; at < attacks.length; at += AT_ONCE) complaints.push(...(await Promise.all(attacks.slice(at, at + AT_ONCE).map(one))).flat());
      return [...complaints, ...reached.splice(0), ...faults.splice(0).map((fault) => `a fault: ${String(fault)}`)];
    },
  };
}

/** The refusal code; where there is no body, the status. */
function verdictOf({ status, body }: RawAnswer): string | number {
  if (!body.startsWith('{')) return status;
  return (JSON.parse(body) as { code?: string }).code ?? status;
}

/** What may be compared between hosts: not the time, nor what Express says about itself. */
function shownOf({ status, headers, body }: RawAnswer): unknown {
  return [status, [...headers].filter(([name]) => !['date', 'connection', 'keep-alive', 'x-powered-by'].includes(name)).sort(), body];
}

function leaksIn({ headers, body }: RawAnswer, secrets: readonly string[]): string[] {
  const text = JSON.stringify([...headers]) + body;
  return secrets
    .filter((secret) => secret.length >= 8)
    .flatMap((secret) => [secret, ...(['hex', 'base64', 'base64url'] as const).map((encoding) => hash('sha256', secret, encoding))])
    .filter((part) => text.includes(part))
    .map((part) => `the response has ${part.slice(0, 12)}`);
}
