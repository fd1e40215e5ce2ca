import { script } from '../script.js';

/**
 * Counts a batch, unless it has been counted.
 *
 * KEYS[1]: the batch; then what is raised. ARGV: seconds for which the batch is known again; a list of raises in JSON, each the number of
 * its key, the field or member, the count, when its key may go (seconds since 1970), 'h' for a hash or 'z' for a sorted set, and, for the
 * hash of a key, the key's tenant.
 */
export const addScript = script(`
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', ARGV[1]) then return 0 end
for _, raise in ipairs(cjson.decode(ARGV[2])) do
  local key, count = KEYS[raise[1]], string.format('%.0f', raise[3])
  if raise[5] == 'z' then
    redis.call('ZINCRBY', key, count, raise[2])
  else
    redis.call('HINCRBY', key, raise[2], count)
    if raise[6] then redis.call('HSET', key, 'tenant', raise[6]) end
  end
  redis.call('EXPIREAT', key, string.format('%.0f', raise[4]))
end
return 1
`);

/** A hash as a list, whatever the client makes of hashes. */
export const hashScript = script(`return redis.call('HGETALL', KEYS[1])`);

/** ARGV[1]: how many members of a sorted set, the highest first; each with its score. */
export const rankScript = script(`return redis.call('ZREVRANGE', KEYS[1], 0, ARGV[1] - 1, 'WITHSCORES')`);
