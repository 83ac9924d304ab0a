/** The start of a host: a fresh Debian, or one with small servers or with PostgreSQL installed and running. */
export type Layer = 'blank' | 'servers' | 'postgres';

/** A resource of a generated playbook, as it is written. `name` is unique in the playbook. */
export interface CaseResource {
  name: string;
  module: string;
  args: Record<string, unknown>;
  /** Other keys: `when`, `loop`, `register`, `on_failure`. */
  keys: Record<string, unknown>;
}

/** A playbook and the state of the host that it meets: all that it takes to see the same again. */
export interface Case {
  layer: Layer;
  /** Shell lines that root runs on the host before anything else; one that fails is passed over. */
  start: readonly string[];
  plays: readonly (readonly CaseResource[])[];
}
