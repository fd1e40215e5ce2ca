import { useEffect, useState } from 'preact/hooks';

/** Where the page is. Kept after the `#`: the server never hears of it, and the page works under any path. */
export interface Route {
  readonly parts: readonly string[];
  readonly query: URLSearchParams;
  /** Another one each time that the address changes: what a page was told by it is then read anew. */
  readonly visit: number;
}

/** Asked before the page goes elsewhere; a text is put to the person. */
type Guard = () => string | undefined;

export interface Router {
  current(): Route;
  /** Has a guard asked until the answer is called. */
  guard(guard: Guard): () => void;
  listen(listener: () => void): () => void;
}

export const hrefTo = (...parts: readonly string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`;

export const goTo = (href: string): void => { location.hash = href; };

/** Changes the query without a step in the history: a filter is typed letter by letter. */
export function replaceQuery(query: URLSearchParams): void {
  const [path = ''] = location.hash.split('?');
  const text = query.toString();
  history.replaceState(null, '', `${path === '' ? '#/' : path}${text === '' ? '' : `?${text}`}`);
}

function readRoute(visit: number): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { parts: path.split('/').filter((part) => part !== '').map(decoded), query: new URLSearchParams(query), visit };
}

/** Somebody may have typed the address. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export function createRouter(): Router {
  const guards = new Set<Guard>();
  const listeners = new Set<() => void>();
  let address = location.href;
  let route = readRoute(0);
  const reason = (): string | undefined => [...guards].map((guard) => guard()).find((text) => text !== undefined);
  addEventListener('hashchange', () => {
    const text = reason();
    if (text !== undefined && !confirm(text)) {
      history.replaceState(null, '', address);
      return;
    }
    address = location.href;
    route = readRoute(route.visit + 1);
    for (const listener of [...listeners]) listener();
  });
  addEventListener('beforeunload', (event) => {
    if (reason() !== undefined) event.preventDefault();
  });
  return {
    current: () => route,
    guard(guard) {
      guards.add(guard);
      return () => { guards.delete(guard); };
    },
    listen(listener) {
      listeners.add(listener);
      return () => { listeners.delete(listener); };
    },
  };
}

export function useRoute(router: Router): Route {
  const [route, setRoute] = useState(router.current());
  useEffect(() => router.listen(() => { setRoute(router.current()); }), [router]);
  return route;
}
