/**
 * What the five products share and what a real server has before keys come to it: people who sign in, bodies that are read
 * strictly, answers to what is wrong in them, and a start.
 */
import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { generateKeyPair, jwtVerify, SignJWT } from 'jose';
import { isKeystileError, type ApiKey, type ListOptions } from 'keystile';
import { z } from 'zod';

/** A signed-in person. What else their token says (a plan, a tenant) is each product's own. */
export interface Person {
  readonly sub: string;
  readonly [claim: string]: unknown;
}

export interface SignIn {
  /** A JWT for this person, eight hours long. */
  issue(person: Person): Promise<string>;
  /** Who sends `Authorization: Bearer <JWT>`; undefined for nobody, for an API key and for any token of somebody else's making. */
  person(req: { headers: { authorization?: string | undefined } }): Promise<Person | undefined>;
}

/** People's sign-in, as a login service would do it: its tokens are for `audience` alone. */
export async function signIn(audience: string): Promise<SignIn> {
  const { privateKey, publicKey } = await generateKeyPair('EdDSA');
  const expected = { issuer: 'login', audience, algorithms: ['EdDSA'], requiredClaims: ['sub', 'exp'] };
  return {
    issue: ({ sub, ...claims }) =>
      new SignJWT(claims).setProtectedHeader({ alg: 'EdDSA' }).setIssuer('login').setAudience(audience).setSubject(sub).setIssuedAt().setExpirationTime('8h').sign(privateKey),
    person: async ({ headers: { authorization = '' } }) => {
      const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
      if (token === undefined) return undefined;
      return jwtVerify<Person>(token, publicKey, expected).then(
        ({ payload }) => payload,
        () => undefined,
      );
    },
  };
}

/** What a client has done wrong, for `answer` to say. */
export class Refused extends Error {
  readonly status: number;
  readonly field: string | undefined;
  /** Every wrong field of a body with what is wrong, the first few of very many. */
  readonly errors: Readonly<Record<string, string>> | undefined;

  constructor(status: number, message: string, field?: string, errors?: Readonly<Record<string, string>>) {
    super(message);
    this.status = status;
    this.field = field;
    this.errors = errors;
  }
}

/** Behind `express.json()`: a body that is not JSON is refused, rather than passed over as if there were none. */
export const jsonOnly: RequestHandler = (req, _res, next) => {
  const sent = req.headers['transfer-encoding'] !== undefined || Number(req.headers['content-length'] ?? 0) > 0;
  if (sent && req.is('json') === false) throw new Refused(415, 'Send JSON, with Content-Type: application/json.');
  next();
};

const MOST_ERRORS = 20;

/** The body as `schema` wants it; 422 names what is wrong, the first of it as `field`. No body at all is an empty one. */
export const bodyOf = <T>(req: Request, schema: z.ZodType<T>): T => checked(req.body ?? {}, schema);

/** The same for what comes from elsewhere, a query say. */
export function checked<T>(value: unknown, schema: z.ZodType<T>): T {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const wrong = read.error.issues.flatMap((issue) => {
    const path = issue.path.join('.');
    if (issue.code !== 'unrecognized_keys') return [[path || 'body', issue.message] as const];
    return issue.keys.map((key) => [path === '' ? key : `${path}.${key}`, 'not a known field'] as const);
  });
  const [field, message] = wrong[0] ?? ['body', 'not understood'];
  throw new Refused(422, `${field}: ${message}`, field, Object.fromEntries(wrong.slice(0, MOST_ERRORS)));
}

export interface Fault {
  readonly status: number;
  readonly message: string;
  readonly field?: string | undefined;
  readonly errors?: Readonly<Record<string, string>> | undefined;
  /** keystile's code, where it was keystile that refused. */
  readonly code?: string | undefined;
}

/**
 * An error handler that answers as the product does: what a client did wrong is said, anything else is not. `names` tells how the
 * product calls keystile's settings, so that `update.ips[0]` is told as its own field.
 */
export function answers(shape: (fault: Fault) => object, names: Readonly<Record<string, string>> = {}): ErrorRequestHandler {
  const fieldOf = (option: string): string => {
    const setting = option.replace(/^(create|update|limit)\./, '');
    const word = /^[A-Za-z.]+/.exec(setting)?.[0] ?? '';
    return Object.hasOwn(names, word) ? `${names[word] ?? ''}${setting.slice(word.length)}` : setting;
  };
  const faultOf = (error: unknown): Fault => {
    if (error instanceof Refused) return error;
    if (isKeystileError(error) && 'option' in error) {
      const field = fieldOf(error.option);
      return { status: 422, message: error.message.replace(error.option, field), field, code: error.code };
    }
    const { status, message, code } = error as { status?: unknown; message: string; code?: string };
    if (typeof status !== 'number' || status < 400 || status >= 500) return { status: 500, message: 'Something went wrong.' };
    return { status, message, ...(isKeystileError(error) && { code }) };
  };
  return (error: unknown, _req, res: Response, next) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    const fault = faultOf(error);
    res.status(fault.status).json(shape(fault));
  };
}

/** A number as queries and the environment have it. */
export const wholeNumber = (min: number, max: number) => {
  const rule = `must be a whole number from ${String(min)} to ${String(max)}`;
  return z.string().regex(/^\d{1,15}$/, rule).transform(Number).refine((value) => value >= min && value <= max, rule);
};

/** What the environment says. A setting that is not understood ends the program, with one line that names it. */
export function setting<T>(name: string, schema: z.ZodType<T>): T {
  const read = schema.safeParse(process.env[name]);
  if (read.success) return read.data;
  console.error(`${name}: ${read.error.issues[0]?.message ?? 'not understood'}`);
  process.exit(1);
}

/** All keys of a tenant, newest first, whatever the length of a page. */
export async function keysOf(keyring: { list(options: ListOptions): Promise<{ keys: readonly ApiKey[]; nextCursor?: string }> }, tenantId: string): Promise<readonly ApiKey[]> {
  const all: ApiKey[] = [];
  let cursor: string | undefined;
  do {
    const page = await keyring.list({ tenantId, limit: 500, ...(cursor !== undefined && { cursor }) });
    all.push(...page.keys);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return all;
}

export const iso = (time: number | undefined): string | null => (time === undefined ? null : new Date(time).toISOString());

/** A switch: `1` and `true` are on, `0` and `false` off. */
export const onOff = z.enum(['0', '1', 'false', 'true']).default('0').transform((word) => word === '1' || word === 'true');

/** A server, and what a caller needs to know of it. */
export interface Started {
  readonly server: { listen(port: number, listening: () => void): Server };
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * When the file has been started, and not when a test imports it: listens on `PORT` (3000 without) and prints, once ready, one line
 * of JSON.
 */
export async function startWhenMain(moduleUrl: string, make: () => Started | Promise<Started>): Promise<void> {
  if (process.argv[1] !== fileURLToPath(moduleUrl)) return;
  const { server, facts } = await make();
  const listening = server.listen(setting('PORT', wholeNumber(0, 65_535).default(3_000)), () => {
    console.log(JSON.stringify({ ready: true, port: (listening.address() as AddressInfo).port, ...facts }));
  });
}
