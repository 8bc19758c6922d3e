// SPDX-License-Identifier: MIT
// Whether this page is connected, and what it does about it when not.

import { clockText } from '../core/time.js';
import { useNow, useSlice } from './hooks.js';
import { html } from './html.js';
import { PhaseIcon } from './icons.js';

const pills = {
  live: ['good', 'Live'],
  connecting: ['busy', 'Connecting'],
  waiting: ['bad', 'Not connected'],
};

/** The word in the header. It changes rarely, so a screen reader may announce it. */
export function ConnectionPill() {
  const { phase } = useSlice((state) => state.connection);
  const [shape, text] = pills[phase];
  return html`
    <p class="pill pill--${shape}" role="status" data-phase=${phase}><${PhaseIcon} phase=${shape} />${text}</p>
  `;
}

function Countdown({ retryAt }) {
  const seconds = Math.max(0, Math.ceil((retryAt - useNow()) / 1000));
  return html`<span class="countdown">Next try ${seconds > 0 ? `in ${seconds} s` : 'now'}.</span>`;
}

/** Says what is wrong, until it is well again. The countdown stands outside the announced part. */
export function ConnectionBanner({ reconnect }) {
  const { phase, lostAt, retryAt, reason } = useSlice((state) => state.connection);
  const sync = useSlice((state) => state.sync);
  const broken = phase !== 'live' && reason !== '';
  const incomplete = !broken && sync.phase === 'failed';
  const consequence = lostAt ? `What you see is from ${clockText(lostAt / 1000)}.` : 'Nothing was loaded yet.';
  return html`
    <div class="banner ${broken || incomplete ? 'banner--shown' : ''}">
      <div role="status">
        ${broken && html`<p><strong>${reason}</strong> ${consequence}</p>`}
        ${incomplete && html`<p><strong>The lists may be incomplete:</strong> ${sync.problem}. Trying again.</p>`}
      </div>
      ${
        broken &&
        html`<div class="banner-actions">
        ${
          phase === 'waiting' ? html`<${Countdown} retryAt=${retryAt} />` : html`<span class="countdown">Trying…</span>`
        }
        <button type="button" class="button" onClick=${reconnect}
                aria-disabled=${String(phase !== 'waiting')}>Reconnect now</button>
      </div>`
      }
    </div>
  `;
}
