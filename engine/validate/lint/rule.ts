import type { EntryText } from '../../playbook/entry-text.ts';
import type { Place } from '../../problem.ts';
import type { ResourceSubject, Subject } from './subject.ts';

/** Something that works and is seldom meant, at its place, with what to do about it. */
export interface Finding {
  message: string;
  hint: string;
  at: Place;
  /** What it belongs to: where that begins it can be allowed, too. */
  of?: EntryText;
}

/** A rule of lint. It says nothing of what cannot be known offline. */
export interface Rule {
  /** What is shown in brackets, and what `# lint: allow` names. */
  code: string;
  /** What `reconcile explain` and docs/errors.md say of it. */
  explanation: string;
  /** What it finds in a resource by itself; what several kinds of hosts have alike is looked at once. */
  each?(resource: ResourceSubject): Iterable<Finding>;
  /** What it finds in a play; `all` are the subjects of every play of the playbook, this one among them. */
  check?(subject: Subject, all: readonly Subject[]): Iterable<Finding>;
}
