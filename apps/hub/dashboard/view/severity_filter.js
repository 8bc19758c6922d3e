// SPDX-License-Identifier: MIT
// One switch a severity, with the number of its alerts: legend and filter at once.

import { severities } from '../core/severity.js';
import { html } from './html.js';
import { SeverityIcon } from './icons.js';

export const severityNames = { low: 'Low', medium: 'Medium', high: 'High', critical: 'Critical' };

export function SeverityFilter({ counts, hidden, onToggle }) {
  return html`
    <div class="filter" role="group" aria-label="Severities shown">
      ${[...severities].reverse().map(
        (severity) => html`
        <button type="button" key=${severity} class="switch severity--${severity}"
                aria-pressed=${String(!hidden.has(severity))} onClick=${() => onToggle(severity)}>
          <${SeverityIcon} severity=${severity} />${severityNames[severity]}
          <span class="switch-count">${counts[severity]}</span>
        </button>`,
      )}
    </div>
  `;
}
