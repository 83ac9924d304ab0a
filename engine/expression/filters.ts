import { addressFilters } from './address-filters.ts';
import { dataFilters } from './data-filters.ts';
import { listFilters } from './list-filters.ts';
import { regexFilters } from './regex-filters.ts';
import type { Operation } from './signature.ts';
import { structureFilters } from './structure-filters.ts';
import { textFilters } from './text-filters.ts';

/** The filters by name. */
export const filters: ReadonlyMap<string, Operation> = new Map(
  Object.entries({
    ...textFilters,
    ...listFilters,
    ...dataFilters,
    ...regexFilters,
    ...structureFilters,
    ...addressFilters,
  }),
);
