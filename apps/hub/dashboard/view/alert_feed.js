// SPDX-License-Identifier: MIT
// The feed of alerts, newest first.

import { useState } from 'preact/hooks';
import { alertLimit, countBySeverity } from '../core/alerts.js';
import { AlertItem } from './alert_item.js';
import { CommandLine } from './command_line.js';
import { useMedia, useSlice } from './hooks.js';
import { html } from './html.js';
import { SeverityFilter } from './severity_filter.js';

/** On a phone the page itself scrolls, and what stands below the feed shall be in reach. */
const shortLength = 6;

const example = () =>
  `curl -H 'Content-Type: application/json' ${location.origin}/events -d '{"camera_id": "porch", ` +
  `"timestamp": "2024-01-01T02:00:00", "objects": ["person"], "zones": ["entrance"]}'`;

const Empty = () => html`
  <div class="empty">
    <p><strong>No alerts yet.</strong> One appears here the moment a risky event was processed. A person at night:</p>
    <${CommandLine} command=${example()} />
    <p class="hint">A hub with a token also wants <code>-H 'Authorization: Bearer …'</code>.</p>
  </div>
`;

function Items({ alerts, hidden, showAll }) {
  const narrow = useMedia('(max-width: 759px)');
  const [expanded, setExpanded] = useState(false);
  const shown = alerts.filter((alert) => !hidden.has(alert.severity));
  if (shown.length === 0) {
    return html`<div class="empty"><p>None of the ${alerts.length} alerts has a severity that is switched on.</p>
      <button type="button" class="button" onClick=${showAll}>Show all</button></div>`;
  }
  const short = narrow && !expanded ? shown.slice(0, shortLength) : shown;
  return html`
    <ol class="alerts">${short.map((alert) => html`<${AlertItem} key=${alert.id} alert=${alert} />`)}</ol>
    ${
      short.length < shown.length &&
      html`<button type="button" class="button button--wide"
      onClick=${() => setExpanded(true)}>Show ${shown.length - short.length} more</button>`
    }
    ${
      alerts.length >= alertLimit &&
      short.length === shown.length &&
      html`<p class="hint feed-end">Older alerts are not kept here: the feed holds ${alertLimit}.</p>`
    }
  `;
}

export function AlertFeed() {
  const alerts = useSlice((state) => state.alerts);
  const loading = useSlice((state) => state.sync.phase === 'loading');
  const loaded = useSlice((state) => state.sync.phase !== 'never');
  const [hidden, setHidden] = useState(() => new Set());
  const toggle = (severity) => {
    const next = new Set(hidden);
    if (!next.delete(severity)) next.add(severity);
    setHidden(next);
  };
  const showAll = () => setHidden(new Set());
  return html`
    <section class="panel feed" id="alerts" aria-labelledby="alerts-title" tabindex="-1">
      <div class="panel-head">
        <h2 id="alerts-title">Alerts</h2>
        ${
          alerts.length > 0 &&
          html`<${SeverityFilter} counts=${countBySeverity(alerts)} hidden=${hidden} onToggle=${toggle} />`
        }
      </div>
      <div class="feed-log" role="log" aria-live="polite" aria-relevant="additions" aria-labelledby="alerts-title"
           aria-busy=${String(loading)} tabindex="0">
        ${
          alerts.length > 0
            ? html`<${Items} alerts=${alerts} hidden=${hidden} showAll=${showAll} />`
            : loaded && html`<${Empty} />`
        }
      </div>
    </section>
  `;
}
