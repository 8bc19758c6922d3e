// SPDX-License-Identifier: MIT
// One alert of the feed.

import { Component } from 'preact';
import { clockText } from '../core/time.js';
import { html } from './html.js';
import { SeverityIcon } from './icons.js';
import { severityNames } from './severity_filter.js';

/** An alert never changes, so it is rendered once. */
export class AlertItem extends Component {
  shouldComponentUpdate(next) {
    return next.alert !== this.props.alert;
  }

  render({ alert }) {
    const { severity, score, camera, message, timestamp, reasons, origin } = alert;
    return html`
      <li class="alert severity--${severity} ${origin === 'live' ? 'alert--live' : ''}" data-id=${alert.id}>
        <${SeverityIcon} severity=${severity} />
        <p class="alert-message">${message || 'Alert without a message'}</p>
        <time class="alert-time" title=${String(timestamp ?? '')}>${clockText(timestamp)}</time>
        <p class="alert-facts">
          <strong class="alert-severity">${severityNames[severity]} ${score}</strong>
          <span>camera ${camera}</span>
          ${reasons.map((reason) => html`<span class="reason">${reason}</span>`)}
          ${origin === 'caught-up' && html`<span class="caught-up">caught up</span>`}
        </p>
      </li>
    `;
  }
}
