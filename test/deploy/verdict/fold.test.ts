import { describe, expect, it } from 'vitest';
import { foldCopies } from '../../../src/deploy/verdict/fold.js';
import { worker } from '../support.js';

describe('copies of a worker', () => {
  it.each(['acme', 'constructor', 'toString', '__proto__'])(
    'are one row, with a tenant %s in one',
    (tenant) => {
      const counts = Object.fromEntries([[tenant, 3]]);
      const [row, ...more] = foldCopies([
        worker(),
        worker({ tenants: counts, ended: counts, rejected: counts }),
      ]);
      expect(more).toEqual([]);
      for (const folded of [row?.tenants, row?.ended, row?.rejected]) {
        expect(Object.entries(folded ?? {})).toEqual([[tenant, 3]]);
      }
    },
  );
});
