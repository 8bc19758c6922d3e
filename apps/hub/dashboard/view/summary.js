// SPDX-License-Identifier: MIT
// The strip of figures: the state of everything in one look.

import { largestOf, latestOf } from '../core/history.js';
import { countText, latencyText, rateText, unknown } from '../core/numbers.js';
import { useSlice } from './hooks.js';
import { html } from './html.js';
import { PhaseIcon } from './icons.js';

const Figure = ({ name, value, note, id, children }) => html`
  <div class="figure" data-figure=${id}>
    <dt>${name}</dt>
    <dd><span class="figure-value">${children}${value}</span><span class="figure-note">${note}</span></dd>
  </div>
`;

function Redis() {
  const stats = useSlice((state) => state.stats);
  const health = useSlice((state) => state.health);
  const worst = useSlice((state) => largestOf(state.history.latency));
  const status = stats?.redis?.status ?? health?.status;
  const latency = stats?.redis?.latency_us ?? health?.latency_us;
  const good = status === 'healthy';
  const text = status === undefined ? unknown : good ? 'Healthy' : 'Unreachable';
  const note = good ? `${latencyText(latency)}, worst ${latencyText(worst ?? latency)}` : 'no answer to the hub';
  return html`
    <${Figure} id="redis" name=${`Redis ${health?.redis_version ?? ''}`} value=${text} note=${status && note}>
      ${status !== undefined && html`<${PhaseIcon} phase=${good ? 'good' : 'bad'} />`}
    <//>
  `;
}

function perSecond(series) {
  const rate = latestOf(series);
  return rate === null ? unknown : `${rateText(rate)}/s`;
}

export function Summary() {
  const cameras = useSlice((state) => state.cameras);
  const stats = useSlice((state) => state.stats);
  const history = useSlice((state) => state.history);
  const online = cameras.filter((camera) => camera.online).length;
  const away = cameras.length - online;
  return html`
    <dl class="summary" aria-label="Figures of this hub">
      <${Figure} id="cameras" name="Cameras online" value=${cameras.length ? `${online} of ${cameras.length}` : unknown}
                 note=${away > 0 ? `${away} offline` : cameras.length ? 'all there' : ''} />
      <${Figure} id="queue" name="Queue" value=${countText(stats?.queued)} note="waiting" />
      <${Figure} id="rate" name="Event rate" value=${perSecond(history.posted)}
                 note=${`${perSecond(history.processed)} processed`} />
      <${Figure} id="alerts" name="Alerts" value=${countText(stats?.alerts)} note="since start" />
      <${Figure} id="clients" name="Screens" value=${countText(stats?.clients)} note="open now" />
      <${Redis} />
    </dl>
  `;
}
