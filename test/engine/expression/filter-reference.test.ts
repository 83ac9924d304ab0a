import { expect, it } from 'vitest';
import {
  filterReference,
  functionReference,
  testReference,
} from '../../../engine/expression/filter-reference.ts';
import { filters } from '../../../engine/expression/filters.ts';
import { functionNames } from '../../../engine/expression/functions.ts';
import { jinjaTests } from '../../../engine/expression/jinja-tests.ts';

it('the docs have one line for every filter, test and function', () => {
  expect(Object.keys(filterReference)).toEqual([...filters.keys()].toSorted());
  expect(Object.keys(functionReference)).toEqual([...functionNames].toSorted());
  // Another name of a test, such as `equalto`, is told beside it.
  const summaries = Object.values(testReference).join(' ');
  const others = [...jinjaTests.keys()].filter(name => !(name in testReference));
  expect(others.filter(name => !summaries.includes(`\`${name}\``))).toEqual([]);
  expect(Object.keys(testReference).filter(name => !jinjaTests.has(name))).toEqual([]);
});
