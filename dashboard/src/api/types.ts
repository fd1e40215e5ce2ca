/** What the management API answers, typed by its own schemas: only their types come along. */
import type { z } from 'zod';
import type { settingsView } from '../../../src/admin/routes/settings.js';
import type { ApiKeyView, createdView, explanationView, listView, problemView, successionView } from '../../../src/admin/views.js';
import type { Activity, UsageOfKey } from '../../../src/core/observing.js';

export type ApiKey = ApiKeyView;
export type Settings = z.infer<typeof settingsView>;
export type KeyList = z.infer<typeof listView>;
export type CreatedKey = z.infer<typeof createdView>;
export type Succession = z.infer<typeof successionView>;
export type Explanation = z.infer<typeof explanationView>;
export type LimitState = Explanation['limits'][number];
export type Rule = NonNullable<ApiKey['limits']>[number];
export type Status = ApiKey['status'];
export type FieldError = NonNullable<z.infer<typeof problemView>['errors']>[number];

export interface UsagePoint {
  readonly at: string;
  readonly allowed: number;
  readonly limited: number;
  readonly refused: Readonly<Record<string, number>>;
}

export interface Usage {
  readonly per: 'minute' | 'hour' | 'day';
  readonly from: string;
  readonly to: string;
  readonly points: readonly UsagePoint[];
  readonly totals: Omit<UsagePoint, 'at'>;
}

export interface TopKeys {
  readonly keys: readonly UsageOfKey[];
}

/** With its time as the API writes it. */
export type ActivityEntry = Omit<Activity, 'at'> & { readonly at: string };

export interface ActivityPage {
  readonly entries: readonly ActivityEntry[];
  readonly nextCursor?: string;
}
