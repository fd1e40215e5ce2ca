import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { createPrivateKey, createPublicKey, KeyObject, type webcrypto } from 'node:crypto';
import { ConfigurationError } from '../core/errors.js';
import { isPlainObject } from '../core/options.js';

/** Signature algorithms of tokens: Ed25519, ECDSA on P-256, RSA with SHA-256. */
export type SigningAlgorithm = 'EdDSA' | 'ES256' | 'RS256';

/** A key as JSON (RFC 7517), with its `kid`. */
export interface Jwk {
  readonly kty: string;
  readonly kid: string;
  readonly [member: string]: unknown;
}

/** A private key to sign with, or, behind the first, a public one that others still (or already) need. */
export type SigningKey = Jwk | { readonly kid: string; readonly key: KeyObject | webcrypto.CryptoKey };

/** A signing key, checked. */
export interface ResolvedKey {
  readonly kid: string;
  readonly algorithm: SigningAlgorithm;
  readonly publicKey: KeyObject;
  /** Absent where only the public half was given. */
  readonly privateKey: KeyObject | undefined;
  readonly publicJwk: Jwk;
}

const MOST_KEYS = 16;

/**
 * Makes a signing key: a private JWK, plain JSON to be kept where secrets are. Its `kid` is its thumbprint (RFC 7638).
 *
 * @example
 * ```ts
 * const jwk = await generateSigningKey('ES256');
 * console.log(JSON.stringify(jwk));
 * ```
 */
export async function generateSigningKey(algorithm: SigningAlgorithm = 'EdDSA'): Promise<Jwk> {
  const known: readonly unknown[] = ['EdDSA', 'ES256', 'RS256'];
  if (!known.includes(algorithm)) throw new ConfigurationError('invalid_option', 'algorithm', "must be 'EdDSA', 'ES256' or 'RS256'");
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kty: String(jwk.kty), kid: await calculateJwkThumbprint(jwk), alg: algorithm, use: 'sig' };
}

/** The option `keys`, checked: the first signs, each has a `kid` of its own. No message repeats any part of a key. */
export function resolveKeys(keys: unknown): readonly [ResolvedKey & { readonly privateKey: KeyObject }, ...ResolvedKey[]] {
  if (!Array.isArray(keys) || keys.length > MOST_KEYS) throw new ConfigurationError('invalid_option', 'keys', `must be a list of 1 to ${String(MOST_KEYS)} signing keys`);
  const [first, ...others] = keys.map((key: unknown, index) => resolveKey(key, `keys[${String(index)}]`));
  if (first?.privateKey === undefined) throw new ConfigurationError('invalid_option', 'keys[0]', 'must be a private key: the first one signs');
  const kids = new Set([first, ...others].map(({ kid }) => kid));
  if (kids.size !== keys.length) throw new ConfigurationError('invalid_option', 'keys', 'must each have a kid of their own');
  return [{ ...first, privateKey: first.privateKey }, ...others];
}

function resolveKey(given: unknown, path: string): ResolvedKey {
  const wrong = (message: string): never => {
    throw new ConfigurationError('invalid_option', path, message);
  };
  if (!isPlainObject(given)) return wrong('must be a JWK, or { kid, key } with a KeyObject or CryptoKey');
  const { kid } = given;
  if (typeof kid !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(kid)) return wrong('needs a kid of 1 to 128 visible ASCII characters');
  const object = 'key' in given ? fromObject(given['key'], wrong) : fromJwk(given, wrong);
  const publicKey = object.type === 'private' ? createPublicKey(object) : object;
  const algorithm = algorithmOf(publicKey) ?? wrong('must be an Ed25519, a P-256 or an RSA key of at least 2048 bits');
  if (given['alg'] !== undefined && given['alg'] !== algorithm) wrong(`is a key for ${algorithm}; its alg says otherwise`);
  if (given['use'] !== undefined && given['use'] !== 'sig') wrong("must have the use 'sig', or none");
  // Exported from the public half, so that no private member can get into the set.
  const publicJwk = Object.freeze({ ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig' }) as unknown as Jwk;
  return { kid, algorithm, publicKey, privateKey: object.type === 'private' ? object : undefined, publicJwk };
}

function fromJwk(jwk: Record<string, unknown>, wrong: (message: string) => never): KeyObject {
  if (jwk['kty'] === 'oct') wrong('must not be a shared secret: whoever verifies could sign');
  try {
    return jwk['d'] === undefined ? createPublicKey({ key: jwk, format: 'jwk' }) : createPrivateKey({ key: jwk, format: 'jwk' });
  } catch {
    return wrong('is no JWK that can be read');
  }
}

function fromObject(key: unknown, wrong: (message: string) => never): KeyObject {
  if ((key as { extractable?: unknown } | null)?.extractable === false) wrong('must be extractable, so that its public half can be published');
  let object: KeyObject;
  try {
    object = key instanceof KeyObject ? key : KeyObject.from(key as webcrypto.CryptoKey);
  } catch {
    return wrong('has to have a KeyObject or CryptoKey as its key');
  }
  return object.type === 'secret' ? wrong('must not be a shared secret: whoever verifies could sign') : object;
}

/** One algorithm for each kind of key, so that no token can choose. */
function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): SigningAlgorithm | undefined {
  if (asymmetricKeyType === 'ed25519') return 'EdDSA';
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1') return 'ES256';
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048) return 'RS256';
  return undefined;
}
