/** Which HTTP endpoints a key may call. */
export type EndpointRules =
  | 'all'
  | 'none'
  | { readonly allow: readonly string[]; readonly deny?: never }
  | { readonly deny: readonly string[]; readonly allow?: never };

/** Addresses and CIDR ranges; with both lists, an address must be allowed and not denied. */
export interface IpRules {
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

/** Origins or hosts a browser may call from; `'server-only'` refuses whatever a browser sends. */
export type OriginRules = 'all' | 'server-only' | readonly string[];

/** Restrictions of one key. An absent one means unrestricted; an empty allow-list allows nothing. */
export interface AccessRules {
  readonly endpoints?: EndpointRules;
  readonly ips?: IpRules;
  readonly origins?: OriginRules;
  /** Whether the key may open WebSockets and event streams. Default: `true`. */
  readonly realtime?: boolean;
}
