// SPDX-License-Identifier: MIT
// The levels of risk, lowest first. A level is never told by colour alone: each has a name and a shape (view/icons.js).

export const severities = ['low', 'medium', 'high', 'critical'];

/** The severity as it was sent when it is one of ours, else that of the score. */
export function severityOf(severity, score) {
  if (severities.includes(severity)) return severity;
  if (score >= 85) return 'critical';
  if (score >= 60) return 'high';
  return score >= 30 ? 'medium' : 'low';
}
