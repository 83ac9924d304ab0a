import type { Inventory } from '../inventory/inventory-model.ts';
import type { Problem } from '../problem.ts';
import type { Playbook } from '../validate/play.ts';
import type { Io } from './io.ts';
import type { PlaybookSettings } from './options.ts';
import { secretOpeners } from './secret-openers.ts';

/** Reads an inventory by itself. Throws a ProblemError with all its problems. */
export async function loadInventory(
  { inventory, askSecretsPass }: Pick<PlaybookSettings, 'inventory' | 'askSecretsPass'>,
  io: Io,
): Promise<Inventory> {
  const [{ loadInventory: load }, openers] = await Promise.all([
    import('../inventory/read-inventory.ts'),
    secretOpeners(io, askSecretsPass ? 'Password of Ansible Vault for the inventory: ' : undefined),
  ]);
  return load({ inventory, vaultPassword: openers.vaultPassword(), secrets: io.redactor });
}

/**
 * Reads a playbook with all its files. Throws a ProblemError with every problem. With `secretsMissing`, a missing file of
 * secrets, or one that cannot be opened, is no problem.
 */
export async function load(
  file: string,
  settings: PlaybookSettings,
  io: Io,
  secretsMissing?: (from: string, problem: Problem) => void,
): Promise<Playbook> {
  const [{ loadPlaybook }, { modules }, { unlock }] = await Promise.all([
    import('../validate/load-playbook.ts'),
    import('../../modules/index.ts'),
    import('../secrets/unlock.ts'),
  ]);
  const openers = await secretOpeners(
    io,
    settings.askSecretsPass
      ? `Passphrase of the secrets of ${file}, or password of Ansible Vault: `
      : undefined,
  );
  const unlocked = await unlock(file, openers);
  return loadPlaybook(file, {
    modules,
    secrets: io.redactor,
    unlocked,
    vaultPassword: openers.vaultPassword(),
    ...(secretsMissing && { secretsMissing }),
    ...(settings.inventory && { inventory: settings.inventory }),
    ...(settings.limit !== undefined && { limit: settings.limit }),
    ...(settings.tags && { tags: settings.tags }),
    ...(settings.skipTags && { skipTags: settings.skipTags }),
    ...(settings.var && { vars: settings.var }),
  });
}
