import { createContext } from 'preact';
import { useContext, useEffect, useRef } from 'preact/hooks';
import type { Router } from './router.js';

export const RouterContext = createContext<Router | undefined>(undefined);

/** While there is a text, leaving is asked about with it: within the page, and (in the browser's own words) beyond it. */
export function useLeaveGuard(text: string | undefined): void {
  const router = useContext(RouterContext);
  const latest = useRef(text);
  latest.current = text;
  useEffect(() => router?.guard(() => latest.current), [router]);
}
