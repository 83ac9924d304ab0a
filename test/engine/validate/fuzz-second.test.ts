import { testHalf } from './fuzz/watched.ts';

testHalf(1);
