/** keystile/admin: the management API. */
export { adminRouter } from './router.js';
export type { AdminRouterOptions } from './options.js';
export type { Authorization, ManagementAction, ManagementRole } from './authorization.js';
export type { FieldError, ManagementCode } from './problems.js';
