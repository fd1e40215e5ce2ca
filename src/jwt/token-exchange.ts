import type { ServerResponse } from 'node:http';
import { ConfigurationError } from '../core/errors.js';
import { engineOf, type Engine, type Keyring } from '../core/keyring.js';
import { checkOptions } from '../core/options.js';
import { principalFor } from '../http/request-state.js';
import type { HostRequest, Middleware } from '../http/types.js';
import { answerJson, type Fields } from './answer.js';
import { readBody, type Body, type BodyFields } from './body.js';
import { createExchange, type Exchange, type Exchanged, type ExchangeRefusalCode, type ExchangeRequest, type TokenExchangeOptions } from './exchange.js';
import { engineOfIssuer } from './issuer.js';

/** The RFC 8693 endpoint, to be mounted behind `apiKeyAuth`, and the exchange itself for endpoints of another shape. */
export type TokenExchange = Middleware & { readonly exchange: Exchange };

const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const JWT = 'urn:ietf:params:oauth:token-type:jwt';

/** `subject_token_type` of a `subject_token` that is a user's plain id: RFC 8693 §3 asks for an address of one's own. */
export const USER_ID_TOKEN_TYPE = 'https://github.com/keystile/keystile/blob/main/docs/tokens.md#user-id';

/** An error response as in RFC 6749 §5.2. */
interface Problem {
  readonly status: number;
  readonly error: string;
  readonly description: string;
  readonly fields?: Fields;
}

/** RFC 6749 §5.1 and §5.2. */
const NEVER_STORED: Fields = { 'Cache-Control': 'no-store', Pragma: 'no-cache' };

const invalid = (description: string): Problem => ({ status: 400, error: 'invalid_request', description });

const BODIES: Readonly<Record<Exclude<Extract<Body, string>, 'gone'>, Problem>> = {
  unreadable: invalid('The body cannot be read.'),
  too_large: { ...invalid('The body is too large.'), status: 413, fields: { Connection: 'close' } },
  unsupported: { ...invalid('The body must be application/x-www-form-urlencoded or application/json, uncompressed.'), status: 415 },
};

const METHOD: Problem = { ...invalid('Only POST exchanges.'), status: 405, fields: { Allow: 'POST' } };
const NO_KEY: Problem = { status: 401, error: 'invalid_client', description: 'The API key is missing.', fields: { 'WWW-Authenticate': 'ApiKey' } };
const UNAVAILABLE: Problem = { status: 503, error: 'temporarily_unavailable', description: 'Tokens cannot be issued at the moment.' };

/** What RFC 8693 §2.2.2 and RFC 6749 §5.2 call each refusal: a subject that policy does not allow is an invalid request too. */
const ERRORS: Readonly<Record<ExchangeRefusalCode, Pick<Problem, 'error' | 'status' | 'fields'>>> = {
  invalid_subject: { status: 400, error: 'invalid_request' },
  subject_not_allowed: { status: 400, error: 'invalid_request' },
  invalid_scope: { status: 400, error: 'invalid_scope' },
  invalid_target: { status: 400, error: 'invalid_target' },
  key_not_active: { status: 401, error: 'invalid_client', fields: { 'WWW-Authenticate': 'ApiKey' } },
  not_a_key: { status: 401, error: 'invalid_client', fields: { 'WWW-Authenticate': 'ApiKey' } },
};

/**
 * Exchanges a key for a short-lived token in a user's name (RFC 8693). Whether the key may act for that user is the host's to
 * say. The result is the endpoint, to be mounted behind `apiKeyAuth`; `exchange` is the same as a function.
 *
 * Throws a `ConfigurationError` for a wrong option. `exchange` answers refusals as values; it rejects with `no_principal` for a
 * principal that is not this keyring's, and with `store_unavailable` when the store or `mayActFor` fails.
 *
 * @example
 * ```ts
 * const exchange = tokenExchange(keyring, { issuer, mayActFor: (key, userId) => users.isMember(userId, key.tenantId) });
 * app.post('/oauth/token', apiKeyAuth(keyring), exchange);
 * ```
 */
export function tokenExchange<Scope extends string, Plan extends string>(keyring: Keyring<Scope, Plan>, options: TokenExchangeOptions<NoInfer<Scope>>): TokenExchange {
  const engine = engineOf(keyring);
  if (engine === undefined) throw new ConfigurationError('invalid_option', 'keyring', 'must be made by createKeyring()');
  const { issuer, mayActFor } = checkOptions(options, 'tokenExchange', ['issuer', 'mayActFor']);
  if (typeof mayActFor !== 'function') throw new ConfigurationError('invalid_option', 'mayActFor', 'must be a function: without it any key could act for anyone');
  const exchange = createExchange(keyring, engine, engineOfIssuer(issuer), mayActFor as TokenExchangeOptions['mayActFor']);
  const endpoint: Middleware = (req, res) => {
    handle(req, engine, exchange).then(
      (answer) => {
        if (answer !== undefined) tell(res, answer);
      },
      (error: unknown) => {
        engine.report(error);
        tell(res, UNAVAILABLE);
      },
    );
  };
  return Object.assign(endpoint, { exchange });
}

async function handle(req: HostRequest, engine: Engine, exchange: Exchange): Promise<Problem | Issued | undefined> {
  if (req.method !== 'POST') return METHOD;
  const principal = principalFor(req, engine);
  if (principal === undefined) return NO_KEY;
  const body = await readBody(req);
  if (body === 'gone') return undefined;
  if (typeof body === 'string') return BODIES[body];
  const asked = readParameters(body.fields);
  if ('error' in asked) return asked;
  const made = await exchange(principal, asked.request, req);
  return made.ok ? { made, tokenType: asked.tokenType } : { ...ERRORS[made.code], description: made.description };
}

interface Issued {
  readonly made: Exchanged;
  readonly tokenType: string;
}

function tell(res: ServerResponse, answer: Problem | Issued): void {
  if ('made' in answer) {
    const { token, expiresInSeconds, scopes } = answer.made;
    answerJson(res, 200, { access_token: token, issued_token_type: answer.tokenType, token_type: 'Bearer', expires_in: expiresInSeconds, scope: scopes.join(' ') }, NEVER_STORED);
    return;
  }
  answerJson(res, answer.status, { error: answer.error, error_description: answer.description }, { ...NEVER_STORED, ...answer.fields });
}

/** RFC 8693 §2.1. The actor is the key that the request came with, so it is not named in the body. */
function readParameters(fields: BodyFields): Problem | { readonly request: ExchangeRequest; readonly tokenType: string } {
  const { grant_type: grant, subject_token: subject, subject_token_type: subjectType, requested_token_type: tokenType = ACCESS_TOKEN, scope } = given(fields);
  const targets = [fields['audience'], fields['resource']].flat().filter((target) => target !== undefined && target !== '');
  const texts: readonly unknown[] = [grant, subject, subjectType, tokenType, scope];
  if (texts.some((text) => text !== undefined && typeof text !== 'string')) return invalid('A parameter is repeated, or is no text.');
  if (grant === undefined) return invalid('grant_type is missing.');
  if (grant !== GRANT_TYPE) return { status: 400, error: 'unsupported_grant_type', description: `grant_type must be ${GRANT_TYPE}.` };
  if (subject === undefined || subjectType === undefined) return invalid('subject_token and subject_token_type are needed.');
  if (subjectType !== USER_ID_TOKEN_TYPE) return invalid(`subject_token_type must be ${USER_ID_TOKEN_TYPE}.`);
  if (tokenType !== ACCESS_TOKEN && tokenType !== JWT) return invalid(`requested_token_type must be ${ACCESS_TOKEN} or ${JWT}.`);
  if (fields['actor_token'] !== undefined || fields['actor_token_type'] !== undefined) return invalid('The actor is the API key; actor_token is not accepted.');
  return {
    tokenType,
    request: {
      subject: subject as string,
      // A scope without a value is one that was left out: RFC 6749 §3.1.
      ...(scope !== undefined && { scopes: (scope as string).split(' ').filter((name) => name !== '') }),
      ...(targets.length > 0 && { audience: targets as readonly string[] }),
    },
  };
}

const PARAMETERS = ['grant_type', 'subject_token', 'subject_token_type', 'requested_token_type', 'scope'] as const;

/** Own fields that have a value: RFC 6749 §3.1 and §3.2. */
function given(fields: BodyFields): Readonly<Partial<Record<(typeof PARAMETERS)[number], unknown>>> {
  return Object.fromEntries(PARAMETERS.filter((name) => Object.hasOwn(fields, name) && fields[name] !== '').map((name) => [name, fields[name]]));
}
