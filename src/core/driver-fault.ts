/**
 * What a driver says of a fault, without what it was given: some keep the command or statement with all its values, and among those
 * are hashes of keys. Its message, name and codes stay, and where it came from.
 */
export function driverFault(error: unknown): unknown {
  if (typeof error !== 'object' || error === null || !('message' in error)) return error;
  const { name, message, stack, code, errno } = error as Readonly<Record<'name' | 'message' | 'stack' | 'code' | 'errno', unknown>>;
  const told = new Error(String(message));
  if (typeof name === 'string') told.name = name;
  if (typeof stack === 'string') told.stack = stack;
  return Object.assign(told, code !== undefined && { code }, errno !== undefined && { errno });
}
