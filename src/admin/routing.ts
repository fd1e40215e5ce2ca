import { match, type MatchFunction } from 'path-to-regexp';
import type { HostRequest } from '../http/types.js';
import type { Route } from './route.js';

/** Where a request points to, seen from the router. */
export interface Target {
  readonly path: string;
  readonly query: string;
  /** What stands before it in the address. */
  readonly base: string;
}

export type Found = { readonly route: Route; readonly params: Readonly<Record<string, string>> } | { readonly allow: readonly string[] };

/** The part of the address beneath the router; `undefined` for one that is none of its business. */
export function targetOf(req: HostRequest, mount: string): Target | undefined {
  const url = req.url ?? '/';
  const mark = url.indexOf('?');
  const whole = mark < 0 ? url : url.slice(0, mark);
  if (whole !== mount && !whole.startsWith(`${mount}/`) && mount !== '') return undefined;
  const path = whole.slice(mount.length) || '/';
  const [original = ''] = (req.originalUrl ?? url).split('?', 1);
  const before = original.endsWith(path) ? original.slice(0, original.length - path.length) : mount;
  return { path, query: mark < 0 ? '' : url.slice(mark + 1), base: isPath(before) ? before : mount };
}

/** Two slashes begin another host's address, and a request line may hold a whole address: neither may get into `Location`. */
const isPath = (text: string): boolean => text === '' || /^\/(?![/\\])/.test(text);

/** Finds the route for a method and path; where only the path is known, the methods that are. */
export function createRouting(routes: readonly Route[]): (method: string, path: string) => Found | undefined {
  const table = routes.map((route): readonly [Route, MatchFunction<Record<string, string>>] => [route, match(route.path, { sensitive: true })]);
  return (method, path) => {
    const wanted = method === 'HEAD' ? 'get' : method.toLowerCase();
    const known = table.flatMap(([route, matches]) => {
      const params = paramsOf(matches, path);
      return params === undefined ? [] : [{ route, params }];
    });
    const found = known.find(({ route }) => route.method === wanted);
    return found ?? (known.length === 0 ? undefined : { allow: known.flatMap(({ route }) => (route.method === 'get' ? ['GET', 'HEAD'] : [route.method.toUpperCase()])) });
  };
}

function paramsOf(matches: MatchFunction<Record<string, string>>, path: string): Readonly<Record<string, string>> | undefined {
  try {
    const found = matches(path);
    return found === false ? undefined : found.params;
  } catch {
    // A broken percent-encoding is no address of ours.
    return undefined;
  }
}

/** The names of a path's parameters. */
export const pathParameters = (path: string): readonly string[] => Array.from(path.matchAll(/:(\w+)/g), ([, name = '']) => name);
