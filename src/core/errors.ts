/** Why a request is refused. Each code has its section in docs/errors.md. */
export type RefusalCode =
  | 'ambiguous_credentials'
  | 'malformed_request'
  | 'missing_key'
  | 'malformed_key'
  | 'invalid_key'
  | 'expired_key'
  | 'scheduled_key'
  | 'disabled_key'
  | 'revoked_key'
  | 'invalid_token'
  | 'wrong_tenant'
  | 'wrong_environment'
  | 'insufficient_scope'
  | 'ip_not_allowed'
  | 'origin_not_allowed'
  | 'endpoint_not_allowed'
  | 'realtime_not_allowed'
  | 'insecure_transport'
  | 'api_key_not_accepted'
  | 'rate_limited'
  | 'concurrency_exceeded'
  | 'too_many_failures'
  | 'store_unavailable'
  | 'limiter_unavailable';

/** Why an operation of the keyring fails. */
export type OperationCode = 'key_not_found' | 'key_exists' | 'key_not_active' | 'already_rotated' | 'slot_taken' | 'version_conflict' | 'keyring_closed' | 'no_principal';

/** What is wrong with an option or a field. */
export type ConfigurationCode =
  | 'unknown_option'
  | 'invalid_option'
  | 'invalid_format'
  | 'ambiguous_format'
  | 'weak_secret'
  | 'invalid_scope'
  | 'unknown_scope'
  | 'unknown_plan'
  | 'unknown_environment'
  | 'invalid_limit'
  | 'duplicate_limit'
  | 'invalid_ip_rule'
  | 'invalid_origin_rule'
  | 'invalid_endpoint_rule'
  | 'invalid_hash';

export type KeystileCode = RefusalCode | OperationCode | ConfigurationCode;

// A class differs between the ESM and the CommonJS copy of a package, so errors are recognised by this brand.
const BRAND = Symbol.for('keystile.error');

/**
 * A fault or a failed operation. `code` is stable; `status` and `headers` are what an HTTP host answers with
 * (Express's and finalhandler's own error handling reads both).
 */
export class KeystileError extends Error {
  readonly code: RefusalCode | OperationCode;
  /** HTTP status that fits the code. */
  readonly status: number;
  /** Response headers that belong to the refusal, such as `Retry-After`. */
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: RefusalCode | OperationCode,
    message: string,
    options: { status?: number; headers?: Readonly<Record<string, string>>; cause?: unknown } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.name = 'KeystileError';
    this.code = code;
    this.status = options.status ?? 500;
    this.headers = options.headers ?? {};
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** A wrong option, rule or field: thrown at construction or creation, before anything is made. */
export class ConfigurationError extends TypeError {
  readonly code: ConfigurationCode;
  /** Path of the option or field at fault: `plans.starter[0].limit`. */
  readonly option: string;

  constructor(code: ConfigurationCode, option: string, message: string) {
    super(`${option}: ${message}`);
    this.name = 'ConfigurationError';
    this.code = code;
    this.option = option;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/**
 * Whether a caught value is one of keystile's errors, whichever copy of the package made it.
 *
 * @example
 * ```ts
 * try { await keyring.revoke(id); } catch (error) {
 *   if (isKeystileError(error) && error.code === 'key_not_found') return res.sendStatus(404);
 *   throw error;
 * }
 * ```
 */
export function isKeystileError(error: unknown): error is KeystileError | ConfigurationError {
  return typeof error === 'object' && error !== null && BRAND in error;
}

/** The store (or a hasher or callback that decides who is calling) failed: authentication fails closed. */
export function storeUnavailable(message: string, cause?: unknown): KeystileError {
  return new KeystileError('store_unavailable', message, { status: 503, cause });
}

/** The limiter failed and `onLimiterError` is `'closed'`, or it has no room left. */
export function limiterUnavailable(message: string, cause?: unknown): KeystileError {
  return new KeystileError('limiter_unavailable', message, { status: 503, cause });
}
