// SPDX-License-Identifier: MIT
// One camera: is it there, and what did it see last.

import { describeCamera } from '../core/cameras.js';
import { parseTime, relativeText } from '../core/time.js';
import { useNow, useSlice } from './hooks.js';
import { html } from './html.js';
import { CameraIcon, SeverityIcon } from './icons.js';
import { severityNames } from './severity_filter.js';

function LastSeen({ lastSeen }) {
  const now = useNow() + useSlice((state) => state.clockAhead);
  const then = parseTime(lastSeen);
  if (!then) return html`<span>never seen</span>`;
  return html`<span>seen <time datetime=${then.toISOString()} title=${then.toLocaleString()}>
    ${relativeText(then.getTime(), now)}</time></span>`;
}

const Latest = ({ latest }) => html`
  <p class="tile-latest severity--${latest.severity}">
    <${SeverityIcon} severity=${latest.severity} />
    <span class="tile-objects">${latest.objects.join(', ') || 'nothing named'}</span>
    <span class="tile-risk">${severityNames[latest.severity]} ${latest.score}</span>
  </p>
`;

export function CameraTile({ camera }) {
  const status = camera.online ? 'online' : 'offline';
  const { name, facts } = describeCamera(camera);
  return html`
    <li class="tile tile--${status}" data-camera=${camera.id} data-status=${status}>
      <h3 class="tile-head">
        <${CameraIcon} online=${camera.online} />
        <span class="tile-id" title=${camera.id}>${camera.id}</span>
        <span class="tile-status">${camera.online ? 'Online' : 'Offline'}</span>
      </h3>
      ${camera.latest && html`<${Latest} latest=${camera.latest} />`}
      <p class="tile-facts">
        ${name && html`<span class="tile-name">${name}</span>`}
        <${LastSeen} lastSeen=${camera.lastSeen} />
        ${facts.map(([key, text]) => html`<span key=${key}>${key} ${text}</span>`)}
      </p>
    </li>
  `;
}
