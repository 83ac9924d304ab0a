// The first file of the packed program. Compiling all of it would take longer than all else that a start does.
import { join } from 'node:path';
import { codeFolder, runCached } from '../util/code-cache.ts';

/** Identifies the text of dist/program.cjs; scripts/build.mjs fills it in. */
declare const programBuild: string;

// Each command uses other functions, so the compiled code of each is kept in a separate file.
const [, , word = ''] = process.argv;
const name = /^[a-z][a-z-]*$/.test(word) ? `${word}.code` : 'other.code';
runCached(join(__dirname, 'program.cjs'), programBuild, codeFolder(process.env), name);
