import type { Module } from '../engine/module.ts';
import { apt } from './apt.ts';
import { certbot } from './certbot.ts';
import { command } from './command.ts';
import { directory } from './directory.ts';
import { file } from './file.ts';
import { http_check } from './http_check.ts';
import { link } from './link.ts';
import { nginx_site } from './nginx_site.ts';
import { pg_check } from './pg_check.ts';
import { pg_database } from './pg_database.ts';
import { pg_extension } from './pg_extension.ts';
import { pg_grant } from './pg_grant.ts';
import { pg_hba } from './pg_hba.ts';
import { pg_role } from './pg_role.ts';
import { pg_setting } from './pg_setting.ts';
import { python_venv } from './python_venv.ts';
import { service } from './service.ts';
import { systemd_unit } from './systemd_unit.ts';
import { tree } from './tree.ts';

/** Every resource type by its YAML key. */
export const modules: Readonly<Record<string, Module>> = {
  apt,
  certbot,
  command,
  directory,
  file,
  http_check,
  link,
  nginx_site,
  pg_check,
  pg_database,
  pg_extension,
  pg_grant,
  pg_hba,
  pg_role,
  pg_setting,
  python_venv,
  service,
  systemd_unit,
  tree,
};
