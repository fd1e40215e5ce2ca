import { ADMIN_OPTIONS, type AdminRouterOptions } from '../admin/options.js';
import { ConfigurationError } from '../core/errors.js';
import { checkOptions } from '../core/options.js';

/** Options of `dashboard`: those of `adminRouter`, and what the page itself is told. */
export interface DashboardOptions<Scope extends string = string> extends AdminRouterOptions<Scope> {
  /**
   * Where the page sends people whom `authorize` does not know: a path of this origin (`'/login'`) or an `https:` address. It opens in a tab
   * of its own, so that nothing typed is lost. Default: the page says that somebody has to sign in, and not where.
   */
  readonly signInUrl?: string;
  /**
   * The command shown with a new key, `{key}` standing for it: `"curl -H 'X-API-Key: {key}' https://api.example.com/v1/orders"`. Default: one
   * that asks this router's `GET /me` who the key is.
   */
  readonly curl?: string;
}

/** What the page is told before anybody has signed in. */
export interface PageSettings {
  readonly signInUrl: string;
  readonly curl: string;
}

export interface ResolvedDashboardOptions<Scope extends string> {
  readonly page: PageSettings;
  /** As `adminRouter` takes them, but for its place. */
  readonly admin: Omit<AdminRouterOptions<Scope>, 'path'>;
  readonly path: string;
}

/** Takes the page's options from the router's, which checks its own; throws a `ConfigurationError` that names the wrong one. */
export function resolveDashboardOptions<Scope extends string>(options: DashboardOptions<Scope>): ResolvedDashboardOptions<Scope> {
  checkOptions(options, 'dashboard', [...ADMIN_OPTIONS, 'signInUrl', 'curl']);
  const { signInUrl = '', curl = '', path = '', ...admin } = options;
  if (typeof signInUrl !== 'string' || !isAddress(signInUrl)) throw wrong('signInUrl', "must be a path of this origin, such as '/login', or an http: or https: address");
  if (typeof curl !== 'string' || (curl !== '' && !curl.includes('{key}'))) throw wrong('curl', "must be a command with {key} in the place of the key: \"curl -H 'X-API-Key: {key}' https://api.example.com/v1/orders\"");
  return { page: { signInUrl, curl }, admin, path };
}

/** No `javascript:`, and nothing that a browser takes for another host where a path is meant. */
const isAddress = (text: string): boolean => text === '' || (text.startsWith('/') ? isOwnPath(text) : URL.canParse(text) && /^https?:$/.test(new URL(text).protocol));

/** Read as a browser does it, which leaves out tabs and line ends before it looks at the slashes. */
const isOwnPath = (text: string): boolean => URL.canParse(text, OWN) && new URL(text, OWN).origin === OWN;

const OWN = 'https://own.invalid';

const wrong = (option: string, message: string): ConfigurationError => new ConfigurationError('invalid_option', option, message);
