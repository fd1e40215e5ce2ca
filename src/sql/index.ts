/** `keystile/sql`: keys in PostgreSQL, MySQL, MariaDB or SQLite. */
export { migrate, migrationSql, type HostDatabase, type MigrationSqlOptions } from './migrations.js';
export { postgresNotices, type PostgresClient, type PostgresNoticeOptions, type PostgresPool } from './postgres-notices.js';
export type { TableOptions } from './names.js';
export type { PreparingPool } from './kysely-engine.js';
export { sqlStore, type SqlStoreOptions } from './store.js';
export type { OpenSqlite, SqliteHandle, SqliteStatement } from './sqlite-driver.js';
export { sqliteStore, type SqliteStore, type SqliteStoreOptions } from './sqlite-store.js';
export { sqlActivity, type SqlActivityOptions } from './activity.js';
export { sqlUsage, type SqlUsageOptions } from './usage.js';
export type { SqlTarget } from './target.js';
