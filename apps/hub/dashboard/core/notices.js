// SPDX-License-Identifier: MIT
// What the user is told about gaps. One notice of a kind: the newest; at most three in all.

import { countText, plural } from './numbers.js';
import { shortDuration } from './time.js';

const noticeLimit = 3;

const duration = (milliseconds) => (milliseconds < 1000 ? 'less than a second' : shortDuration(milliseconds));

const openings = {
  reconnect: ({ milliseconds }) => `This page was without the hub for ${duration(milliseconds)}.`,
  gap: ({ milliseconds }) => `The hub was without Redis for ${duration(milliseconds)}.`,
  overflow: ({ dropped }) => `The hub was too busy to send ${dropped ? countText(dropped) : 'some'} of its messages.`,
};

export const openingOf = (kind, facts) => openings[kind](facts);

/** What is said once the lists were loaded again and `added` alerts were new. */
export function outcomeText(added) {
  if (added === 0) return 'The lists were loaded again: nothing was missed.';
  const verb = added === 1 ? 'was' : 'were';
  return `The lists were loaded again: ${plural(added, 'alert')} ${verb} missed, and now marked “caught up”.`;
}

export function putNotice(notices, notice) {
  return [notice, ...notices.filter((other) => other.kind !== notice.kind)].slice(0, noticeLimit);
}
