import {
  AGENT_NAME,
  ERROR_TYPE,
  POOL_NAME,
  SESSION_ID,
  SESSION_OUTCOME,
  SESSION_SPAN,
  SESSION_START_SPAN,
  TENANT_ID,
  WORKER_ID,
  WORKER_VERSION,
} from '../../../src/attributes.js';

const quoted = (text: string) => JSON.stringify(text);

/** A condition on an attribute of a span. */
export const attribute = (name: string, value: string, operator: '=' | '=~' = '='): string =>
  `span.${name} ${operator} ${quoted(value)}`;

/** What tables of sessions show of a span, and under which name. */
export const SPAN_COLUMNS = {
  [SESSION_ID]: 'Session',
  [TENANT_ID]: 'Tenant',
  [AGENT_NAME]: 'Agent',
  [WORKER_ID]: 'Worker',
  [WORKER_VERSION]: 'Version',
  [SESSION_OUTCOME]: 'Outcome',
  [ERROR_TYPE]: 'Why',
};
const select = `select(${Object.keys(SPAN_COLUMNS)
  .map((name) => `span.${name}`)
  .join(', ')})`;

/** Whole sessions of the pool: a span is exported when its session ends. */
export const sessionsWhere = (...conditions: readonly string[]): string =>
  `{ ${[`name = ${quoted(SESSION_SPAN)}`, attribute(POOL_NAME, '$pool'), ...conditions].join(' && ')} } | ${select}`;

/** What a session of the pool left: also the start of one that a killed worker never ended. */
export const tracesWhere = (...conditions: readonly string[]): string => {
  const names = [SESSION_SPAN, SESSION_START_SPAN].map((name) => `name = ${quoted(name)}`).join(' || ');
  return `{ ${[`(${names})`, attribute(POOL_NAME, '$pool'), ...conditions].join(' && ')} } | ${select}`;
};

/** The starts of sessions of the pool: a span of its own, exported at once. */
export const startsWhere = (): string =>
  `{ name = ${quoted(SESSION_START_SPAN)} && ${attribute(POOL_NAME, '$pool')} } | ${select}`;
