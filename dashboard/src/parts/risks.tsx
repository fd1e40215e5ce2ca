import type { ApiKey, Settings } from '../api/types.js';
import { risksOf } from '../lib/risks.js';
import { Badge } from './basics.js';

export const Risks = ({ apiKey, settings, now }: { readonly apiKey: ApiKey; readonly settings: Settings; readonly now: number }) => (
  <>{risksOf(apiKey, settings, now).map(({ name, text, why }) => <Badge key={name} tone="warn" title={why}>{text}</Badge>)}</>
);
