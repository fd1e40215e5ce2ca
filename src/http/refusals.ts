import type { RefusalCode } from '../core/errors.js';
import type { Refused } from '../core/verification.js';

/** A refusal as `refusals.render` and `refusals.messages` see it. */
export interface RefusalInfo {
  readonly status: number;
  readonly code: RefusalCode;
  /** Short name of the problem, the same for every occurrence. */
  readonly title: string;
  /** The message for the caller. */
  readonly detail: string;
  /** Whole seconds, as in `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** Names of the limits that said no. */
  readonly violatedPolicies?: readonly string[];
  readonly missingScopes?: readonly string[];
}

/** Texts of one's own, per code. */
export type RefusalMessages = { readonly [Code in RefusalCode]?: string };

interface Problem {
  readonly status: number;
  readonly title: string;
  readonly detail: string;
}

export const DOCUMENTATION = 'https://github.com/keystile/keystile/blob/main/docs/errors.md#';
/** IANA registry of HTTP problem types, registered by draft-ietf-httpapi-ratelimit-headers. */
const QUOTA_EXCEEDED = 'https://iana.org/assignments/http-problem-types#quota-exceeded';

// Unknown key, wrong secret and wrong tenant say the same to people.
const INVALID = 'Invalid API key';

export const PROBLEMS: Readonly<Record<RefusalCode, Problem>> = {
  ambiguous_credentials: { status: 400, title: 'Ambiguous credentials', detail: 'The request carries two different API keys; send one.' },
  malformed_request: { status: 400, title: 'Malformed request', detail: 'The request has more than 1,000 header fields.' },
  missing_key: { status: 401, title: 'Missing API key', detail: 'This request needs an API key.' },
  malformed_key: { status: 401, title: 'Malformed API key', detail: 'The API key is malformed; was it copied completely?' },
  invalid_key: { status: 401, title: 'Invalid API key', detail: INVALID },
  expired_key: { status: 401, title: 'Expired API key', detail: 'The API key has expired.' },
  scheduled_key: { status: 401, title: 'API key not valid yet', detail: 'The API key is not valid yet.' },
  disabled_key: { status: 401, title: 'Disabled API key', detail: 'The API key is disabled.' },
  revoked_key: { status: 401, title: 'Revoked API key', detail: 'The API key has been revoked.' },
  invalid_token: { status: 401, title: 'Invalid access token', detail: 'The access token is invalid, has expired, or its API key no longer works.' },
  wrong_tenant: { status: 403, title: 'Wrong tenant', detail: INVALID },
  wrong_environment: { status: 403, title: 'Wrong environment', detail: 'The API key belongs to another environment.' },
  insufficient_scope: { status: 403, title: 'Insufficient scope', detail: 'The API key lacks a scope that this request needs.' },
  ip_not_allowed: { status: 403, title: 'Address not allowed', detail: 'The API key may not be used from this address.' },
  origin_not_allowed: { status: 403, title: 'Origin not allowed', detail: 'The API key may not be used from this origin.' },
  endpoint_not_allowed: { status: 403, title: 'Endpoint not allowed', detail: 'The API key may not call this endpoint.' },
  realtime_not_allowed: { status: 403, title: 'Realtime not allowed', detail: 'The API key may not open realtime connections.' },
  insecure_transport: { status: 403, title: 'HTTPS required', detail: 'Requests with API keys must use HTTPS.' },
  api_key_not_accepted: { status: 403, title: 'API key not accepted', detail: 'This route is for signed-in people, not for API keys.' },
  rate_limited: { status: 429, title: 'Rate limit exceeded', detail: 'Too many requests.' },
  concurrency_exceeded: { status: 429, title: 'Concurrency limit exceeded', detail: 'Too many requests at once.' },
  too_many_failures: { status: 429, title: 'Too many failed attempts', detail: 'Too many failed attempts from this address.' },
  store_unavailable: { status: 503, title: 'Authentication unavailable', detail: 'API keys cannot be verified at the moment.' },
  limiter_unavailable: { status: 503, title: 'Rate limiting unavailable', detail: 'Limits cannot be checked at the moment.' },
};

/** A refusal with its status and texts. */
export function describe(refusal: Refused, messages: RefusalMessages): RefusalInfo {
  const { status, title, detail } = PROBLEMS[refusal.code];
  const violated = refusal.limits.filter((state) => state.violated).map((state) => state.rule.name);
  return {
    status,
    code: refusal.code,
    title,
    detail: messages[refusal.code] ?? detail,
    ...(refusal.retryAfterSeconds !== undefined && { retryAfterSeconds: refusal.retryAfterSeconds }),
    ...(violated.length > 0 && { violatedPolicies: violated }),
    ...(refusal.missingScopes !== undefined && { missingScopes: refusal.missingScopes }),
  };
}

/** The body of RFC 9457 `application/problem+json`. */
export function problemOf(info: RefusalInfo): Record<string, unknown> {
  return {
    type: info.status === 429 ? QUOTA_EXCEEDED : DOCUMENTATION + info.code,
    title: info.title,
    status: info.status,
    detail: info.detail,
    code: info.code,
    ...(info.status === 429 && { 'violated-policies': info.violatedPolicies ?? [] }),
    ...(info.missingScopes !== undefined && { 'missing-scopes': info.missingScopes }),
  };
}
