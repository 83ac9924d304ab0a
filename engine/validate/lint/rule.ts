import type { EntryText } from '../../playbook/entry-text.ts';
import type { Place } from '../../problem.ts';
import type { ResourceSubject, Subject } from './subject.ts';

/** A finding: something that works and is rarely intended, with its place and a hint. */
export interface Finding {
  message: string;
  hint: string;
  at: Place;
  /** The place of the thing around it, where a comment can also allow it. */
  of?: EntryText;
}

/** A rule of lint. It reports nothing that depends on values unknown offline. */
export interface Rule {
  /** The code in brackets, and the name for `# lint: allow`. */
  code: string;
  /** The text in `reconcile explain` and docs/errors.md. */
  explanation: string;
  /** Returns the findings in one resource. Equal resources of several kinds of hosts are examined once. */
  each?(resource: ResourceSubject): Iterable<Finding>;
  /** Returns the findings in a play; `all` are the subjects of all plays of the playbook. */
  check?(subject: Subject, all: readonly Subject[]): Iterable<Finding>;
}
