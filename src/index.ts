/** keystile: API keys for Express and Connect servers. */
export { createKeyring } from './keyring.js';
export type { KeyringOptions } from './core/keyring-options.js';
export { apiKeyAuth } from './express/index.js';
export { principalOf, type ApiKeyAuth } from './http/auth.js';
export { authenticateUpgrade, type Admission, type UpgradeHandler, type UpgradeListener } from './realtime/upgrade.js';
export type { UpgradeOptions } from './realtime/options.js';
export { basic, bearer, header, query, type CredentialFunction, type CredentialSource } from './http/credentials.js';
export { subprotocol } from './http/subprotocol.js';
export type { ApiKeyAuthOptions, HeaderOptions, RefusalOptions } from './http/options.js';
export type { RefusalInfo, RefusalMessages } from './http/refusals.js';
export type { HostRequest, Middleware } from './http/types.js';

export { concurrent, perDay, perHour, perMinute, perSecond, perWindow } from './core/limits/rules.js';
export type { ConcurrencyRule, LimitOptions, LimitRule, LimitSubject, WindowRule } from './core/limits/rules.js';
export { memoryActivity } from './memory/activity.js';
export { memoryStore } from './memory/store.js';
export { memoryLimiter } from './memory/limiter.js';

export { keyFormat, type KeyFormat, type KeyFormatOptions, type KeyParts } from './core/format/key-format.js';
export { sha256 } from './core/hashing/sha256.js';
export { hmacSha256, type HmacOptions } from './core/hashing/hmac.js';
export { bcrypt, type BcryptOptions } from './core/hashing/bcrypt.js';

export { ConfigurationError, isKeystileError, KeystileError } from './core/errors.js';
export type { ConfigurationCode, KeystileCode, OperationCode, RefusalCode } from './core/errors.js';
export type { Keyring } from './core/keyring.js';
export type { Principal } from './core/principal.js';
export { statusOf, type ApiKey, type Json, type KeyChanges, type KeyRecord, type KeySlot, type KeyStatus, type Owner } from './core/record.js';
export type { AccessRules, EndpointRules, IpRules, OriginRules } from './core/access/access.js';
export type { CacheOptions } from './core/cache.js';
export type { CreatedKey } from './core/management/created-key.js';
export type { KeyPatch, KeySettings, Time } from './core/management/draft.js';
export type { EventName, KeyEvent, KeyringEvents, StaleReason, SuccessionEvent } from './core/events.js';
export type { ActivityOptions } from './core/guarded-activity.js';
export type { Attribution } from './core/management/attribution.js';
export type { BulkFilter } from './core/management/bulk.js';
export type { Guard } from './core/management/changes.js';
export type { LifecycleOptions } from './core/management/lifecycle-options.js';
export type { StaleKey } from './core/management/reminders.js';
export type { RotateOptions, SlotSettings, Succession } from './core/management/succession.js';
export type { ExplainedCheck, Explanation } from './core/management/explain.js';
export type { ImportSource } from './core/management/importing.js';
export type { OnLimiterError } from './core/limits/spender.js';
export type { ListOptions, RevokeOptions } from './core/management/operations.js';
export type { ScopeDeclarations } from './core/scopes.js';
export type { VerifyRequest } from './core/request.js';
export type { Accepted, Refused, Verification } from './core/verification.js';
export type { Activity, ActivityLog, ActivityPage, ActivityQuery, Awaitable, Clock, Consumption, Hasher, Insertion, KeyLookup, KeyPage, KeyQuery, KeySort, KeyStore, KeyUse, Lease, LimitBucket, Limiter, LimitState } from './core/ports.js';
