import { describe, it } from '@jest/globals';
import { memoryActivity } from '../src/memory/activity.js';
import { memoryUsage } from '../src/memory/usage.js';
import { activityContract } from '../src/testing/activity-contract.js';
import { usageContract } from '../src/testing/usage-contract.js';

activityContract({ describe, it }, () => ({ log: memoryActivity() }));
usageContract({ describe, it }, () => ({ meter: memoryUsage() }));
