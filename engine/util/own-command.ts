let own = 'reconcile';

/** Notes how this process was started: through npx, which finds the program in a folder, or by its name. */
export function startedBy(env: Readonly<Record<string, string | undefined>>): void {
  own = env['npm_command'] === 'exec' ? 'npx reconcile' : 'reconcile';
}

/** Returns the beginning of a command of this program, as the user types it. */
export const ownCommand = (): string => own;

/** Returns a hint whose commands begin like the one that the user typed. A command begins a line or follows a backtick. */
export function asTyped(hint: string): string {
  return hint.replace(/(^[ \t]*|`)reconcile (?=[a-z-])/gm, (_, before: string) => `${before}${own} `);
}
