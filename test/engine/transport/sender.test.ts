import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { ProblemError } from '../../../engine/problem.ts';
import { Sender } from '../../../engine/transport/sender.ts';

/** A stream that takes a piece only when asked. */
function slow() {
  const taken: Buffer[] = [];
  let next = () => {};
  const stream = new Writable({
    highWaterMark: 1,
    write(piece, _encoding, done) {
      taken.push(piece);
      next = () => {
        next = () => {};
        done();
      };
    },
  });
  return { stream, taken, text: () => Buffer.concat(taken).toString(), next: () => next() };
}

const pieces = (length: number, made: (i: number) => Buffer) => ({
  length,
  *pieces() {
    for (let i = 0; i < length; i++) yield made(i);
  },
});

it('reads a piece only when the host has taken the one before', async () => {
  const to = slow();
  const sender = new Sender(to.stream);
  let made = 0;
  const piece = () => {
    made++;
    return Buffer.from('.');
  };
  const sent = sender.send([pieces(100, piece)]);
  const behind = sender.send([Buffer.from('!')]);
  for (let i = 0; i < 10; i++) await turn();
  expect(made).toBeLessThanOrEqual(2);
  for (let i = 0; i < 110; i++) {
    to.next();
    await turn();
  }
  await Promise.all([sent, behind]);
  expect(to.text()).toBe(`${'.'.repeat(100)}!`);
});

it('fills the place of bytes that cannot be read, and tells the problem', async () => {
  const to = slow();
  const sender = new Sender(to.stream);
  const broken = pieces(5, i => {
    if (i < 2) return Buffer.from('x');
    throw new ProblemError({ code: 'source-changed', message: 'It has changed.' });
  });
  const sent = sender.send([Buffer.from('<'), broken, Buffer.from('>')]);
  for (let i = 0; i < 20; i++) {
    to.next();
    await turn();
  }
  expect(await sent).toEqual({ code: 'source-changed', message: 'It has changed.' });
  expect(to.text()).toBe('<xx\n\n\n>');
});

it('gives up when the shell has ended', async () => {
  const to = slow();
  const sender = new Sender(to.stream);
  const sent = sender.send([pieces(1000, () => Buffer.from('.'))]);
  await turn();
  sender.stop();
  expect(await sent).toBeUndefined();
  expect(to.taken.length).toBeLessThanOrEqual(2);
});
