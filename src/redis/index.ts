/** `keystile/redis`: limits, notices of changes and keys in Redis or Valkey, over the host's own client of ioredis or node-redis. */
export type { IoredisLike, NodeRedisClusterLike, NodeRedisLike, NodeRedisSentinelLike, RedisClient } from './client.js';
export { redisInvalidation, type RedisInvalidationOptions } from './invalidation.js';
export type { LocalLeaseOptions } from './limiter/accounts.js';
export type { DenyCacheOptions } from './limiter/denials.js';
export { redisLimiter, type RedisLimiterOptions } from './limiter.js';
export { redisStore, type RedisStoreOptions } from './store.js';
export { redisUsage, type RedisUsageOptions } from './usage.js';
