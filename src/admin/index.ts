/** keystile/admin: the management API, and the page on top of it. */
export { adminRouter } from './router.js';
export { dashboard } from '../dashboard/dashboard.js';
export type { AdminRouterOptions } from './options.js';
export type { DashboardOptions } from '../dashboard/options.js';
export type { Authorization, ManagementAction, ManagementRole } from './authorization.js';
export type { FieldError, ManagementCode } from './problems.js';
