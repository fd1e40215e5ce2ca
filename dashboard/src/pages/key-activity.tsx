import type { ActivityPage } from '../api/types.js';
import { useLoad } from '../lib/load.js';
import { useSession } from '../lib/session.js';
import { ifKept, isNotKept } from '../lib/usage.js';
import { ActivityTable, NoActivity } from '../parts/activity-table.js';
import { Section } from '../parts/basics.js';
import { FailureNotice, Waiting } from '../parts/notices.js';

/** The last that has happened to a key and with it. */
export function KeyActivity({ id }: { readonly id: string }) {
  const { settings } = useSession();
  const about = `keyId=${encodeURIComponent(id)}`;
  const { value, failure, isLoading, reload } = useLoad<ActivityPage>(ifKept(settings, 'activity', `/activity?${about}&limit=10`));
  const isMissing = !settings.activity || (failure !== undefined && isNotKept(failure));
  return (
    <Section title="Activity" id="activity" aside={value !== undefined && <a href={`#/activity?${about}`}>All of it</a>}>
      {isMissing && <NoActivity />}
      {!isMissing && failure !== undefined && <FailureNotice failure={failure} onRetry={reload} />}
      {isLoading && <Waiting what="activity" />}
      {value !== undefined && <ActivityTable entries={value.entries} withKeys={false} />}
    </Section>
  );
}
