import { isPlainObject } from '../core/options.js';
import type { HostRequest } from './types.js';

/** Longer ones are not looked into: what Node takes as a whole header is no longer, unless it is told to. */
export const MAX_TOKEN_LENGTH = 16_384;

/** Nobody sends so many; whoever does is not worth the looking. */
const MOST_TOKENS = 32;
// Read once, however often it begins like a token: who sends it need not have proven anything.
const RUN = /[\w.-]+/g;
const ONLY_TOKEN = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/;

/** Whether a text has the form of a signed JWT (RFC 7519 §3, compact serialization), an unsigned one included. */
export const isTokenShaped = (text: string): boolean => ONLY_TOKEN.test(text);

/** What a JWT claims, which nobody has verified; `undefined` for what is none, or too long to look into. */
export function unverifiedClaims(token: string): Record<string, unknown> | undefined {
  if (token.length > MAX_TOKEN_LENGTH) return undefined;
  const [, payload = ''] = token.split('.', 2);
  return claimsIn(payload);
}

function claimsIn(payload: string): Record<string, unknown> | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return isPlainObject(claims) ? claims : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whether a request carries, in any header or query parameter, a JWT that somebody uses in another one's name (`act`,
 * RFC 8693 §4.1), as those do that are exchanged for keys. Unverified, since whoever verifies it may be somebody else: at worst
 * this says yes to a token that is no good anyway.
 */
export function carriesDelegatedToken(req: HostRequest): boolean {
  const payloads = textsOf(req).flatMap(payloadsIn);
  return payloads.length > MOST_TOKENS || payloads.some(speaksForAnother);
}

/** What stands second of three parts in a row that may be a token: a header begins with `{"`, of which base64url makes `eyJ`. */
function payloadsIn(text: string): readonly string[] {
  const found: string[] = [];
  if (!text.includes('eyJ')) return found;
  for (const [run] of text.matchAll(RUN)) {
    let start = 0;
    for (let dot = run.indexOf('.'); dot >= 0; dot = run.indexOf('.', start)) {
      const next = run.indexOf('.', dot + 1);
      if (next >= 0 && run.slice(start, dot).includes('eyJ')) found.push(run.slice(dot + 1, next));
      if (next < 0 || found.length > MOST_TOKENS) break;
      start = dot + 1;
    }
    if (found.length > MOST_TOKENS) break;
  }
  return found;
}

function speaksForAnother(payload: string): boolean {
  if (payload.length > MAX_TOKEN_LENGTH) return true;
  const claims = claimsIn(payload);
  return claims !== undefined && Object.hasOwn(claims, 'act');
}

/** Every text in which a host may look for a token, as it stands and decoded. */
function textsOf(req: HostRequest): string[] {
  const raw = req.rawHeaders as readonly string[] | undefined;
  const headers = raw?.filter((_text, index) => index % 2 === 1) ?? Object.values(req.headers).flat().filter((text) => text !== undefined);
  const target = req.originalUrl ?? req.url ?? '';
  return [...headers, target].flatMap((text) => (text.includes('%') ? [text, decoded(text)] : [text]));
}

/** Percent-decoding that leaves what is broken: only base64url characters and dots matter here. */
const decoded = (text: string): string => text.replace(/%([0-7][0-9a-f])/gi, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
