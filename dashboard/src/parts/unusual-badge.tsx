import { UNUSUAL } from '../lib/unusual.js';
import { codeText } from '../lib/words.js';
import { Badge } from './basics.js';

/** One way in which a key was used otherwise than before. */
export const UnusualBadge = ({ kind }: { readonly kind: string }) => <Badge tone="bad" title={UNUSUAL.get(kind)?.why}>{UNUSUAL.get(kind)?.text ?? codeText(kind)}</Badge>;
