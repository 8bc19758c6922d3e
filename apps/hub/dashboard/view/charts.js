// SPDX-License-Identifier: MIT
// What flows through the hub.

import { countText, rateText } from '../core/numbers.js';
import { Chart } from './chart.js';
import { useSlice } from './hooks.js';
import { html } from './html.js';

export function Charts() {
  const history = useSlice((state) => state.history);
  return html`
    <section class="panel flow" aria-labelledby="flow-title">
      <div class="panel-head"><h2 id="flow-title">Flow</h2><p class="hint">last 5 minutes of this hub</p></div>
      <div class="charts">
        <${Chart} id="rates" title="Events per second" times=${history.times} series=${[
          { name: 'posted', values: history.posted, color: 'first', format: rateText },
          { name: 'processed', values: history.processed, color: 'second', dash: [5, 3], format: rateText },
        ]} />
        <${Chart} id="queue" title="Queue depth" times=${history.times} series=${[
          { name: 'waiting', values: history.queued, color: 'first', fill: 'area', format: countText },
        ]} />
      </div>
    </section>
  `;
}
